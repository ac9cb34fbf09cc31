CREATE TABLE `ended_access` (
	`id` bigint unsigned AUTO_INCREMENT NOT NULL,
	`user_id` bigint unsigned NOT NULL,
	CONSTRAINT `ended_access_id` PRIMARY KEY(`id`)
);
--> statement-breakpoint
ALTER TABLE `users` ADD `session_epoch` int unsigned DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `users` ADD `token_epoch` int unsigned DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `sessions` ADD `epoch` int unsigned DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `tokens` ADD `epoch` int unsigned DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX `sessions_user_epoch` ON `sessions` (`user_id`,`epoch`);--> statement-breakpoint
CREATE INDEX `tokens_user_epoch` ON `tokens` (`user_id`,`epoch`);--> statement-breakpoint
ALTER TABLE `sessions` DROP FOREIGN KEY `sessions_user_id_users_id_fk`;--> statement-breakpoint
ALTER TABLE `tokens` DROP FOREIGN KEY `tokens_user_id_users_id_fk`;--> statement-breakpoint
DROP INDEX `sessions_user_id` ON `sessions`;--> statement-breakpoint
DROP INDEX `tokens_user_id` ON `tokens`;
