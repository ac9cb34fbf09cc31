CREATE TABLE `imported_users` (
	`user_id` bigint unsigned NOT NULL,
	`username_key` varbinary(2640) NOT NULL,
	`keeps_id` boolean NOT NULL,
	`password_hash` varchar(255) character set ascii collate ascii_bin NOT NULL,
	`role` enum('user','admin') NOT NULL,
	`imported_at` datetime(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	CONSTRAINT `imported_users_user_id` PRIMARY KEY(`user_id`)
);
--> statement-breakpoint
CREATE TABLE `used_cookies` (
	`digest` binary(32) NOT NULL,
	`session_digest` binary(32),
	`used_at` datetime(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
	`expires_at` datetime(3) NOT NULL,
	CONSTRAINT `used_cookies_digest` PRIMARY KEY(`digest`)
);
--> statement-breakpoint
ALTER TABLE `users`
	MODIFY COLUMN `username` varchar(80) character set utf8mb4 NOT NULL,
	MODIFY COLUMN `username_key` varbinary(2640) NOT NULL,
	MODIFY COLUMN `password_hash` varchar(255) character set ascii collate ascii_bin NOT NULL,
	ADD `password_changed_at` datetime(3),
	ADD `sessions_ended_at` datetime(3);--> statement-breakpoint
CREATE INDEX `imported_users_username_key` ON `imported_users` (`username_key`);--> statement-breakpoint
CREATE INDEX `used_cookies_expires_at` ON `used_cookies` (`expires_at`);