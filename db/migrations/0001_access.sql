CREATE TABLE `event_counter` (
	`id` tinyint NOT NULL,
	`last_id` bigint unsigned NOT NULL,
	CONSTRAINT `event_counter_id` PRIMARY KEY(`id`)
);
--> statement-breakpoint
CREATE TABLE `events` (
	`id` bigint unsigned NOT NULL,
	`at` datetime(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	`type` varchar(40) character set ascii collate ascii_bin NOT NULL,
	`outcome` enum('success','failure') NOT NULL,
	`actor_id` bigint unsigned,
	`user_id` bigint unsigned,
	`address` varchar(45) character set ascii collate ascii_bin,
	`request_id` varchar(64) character set ascii collate ascii_bin,
	`detail` varchar(1000) character set utf8mb4,
	`count` int unsigned NOT NULL DEFAULT 1,
	`bucket` varchar(64) character set ascii collate ascii_bin,
	CONSTRAINT `events_id` PRIMARY KEY(`id`),
	CONSTRAINT `events_bucket` UNIQUE(`bucket`)
);
--> statement-breakpoint
CREATE TABLE `login_failures` (
	`key` binary(32) NOT NULL,
	`failures` int NOT NULL,
	`last_at` datetime(3) NOT NULL,
	`blocked_until` datetime(3) NOT NULL,
	CONSTRAINT `login_failures_key` PRIMARY KEY(`key`)
);
--> statement-breakpoint
CREATE TABLE `tokens` (
	`id` bigint unsigned AUTO_INCREMENT NOT NULL,
	`digest` binary(32) NOT NULL,
	`user_id` bigint unsigned NOT NULL,
	`name` varchar(100) character set utf8mb4 NOT NULL,
	`created_at` datetime(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	`expires_at` datetime(3),
	`last_used_at` datetime(3),
	CONSTRAINT `tokens_id` PRIMARY KEY(`id`),
	CONSTRAINT `tokens_digest` UNIQUE(`digest`)
);
--> statement-breakpoint
ALTER TABLE `tokens` ADD CONSTRAINT `tokens_user_id_users_id_fk` FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX `events_at` ON `events` (`at`);--> statement-breakpoint
CREATE INDEX `events_type` ON `events` (`type`);--> statement-breakpoint
CREATE INDEX `events_user_id` ON `events` (`user_id`);--> statement-breakpoint
CREATE INDEX `login_failures_last_at` ON `login_failures` (`last_at`);--> statement-breakpoint
CREATE INDEX `tokens_user_id` ON `tokens` (`user_id`);--> statement-breakpoint
CREATE INDEX `tokens_expires_at` ON `tokens` (`expires_at`);--> statement-breakpoint
CREATE INDEX `sessions_expires_at` ON `sessions` (`expires_at`);--> statement-breakpoint
CREATE INDEX `sessions_last_seen_at` ON `sessions` (`last_seen_at`);--> statement-breakpoint
CREATE INDEX `users_role` ON `users` (`role`,`username_key`);--> statement-breakpoint
CREATE INDEX `users_disabled` ON `users` (`disabled`,`username_key`);--> statement-breakpoint
INSERT IGNORE INTO `event_counter` (`id`, `last_id`) VALUES (1, 0);
