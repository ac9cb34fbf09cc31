CREATE TABLE `seeded_users` (
	`user_id` bigint unsigned NOT NULL,
	CONSTRAINT `seeded_users_user_id` PRIMARY KEY(`user_id`)
);
--> statement-breakpoint
ALTER TABLE `users` ADD `version` int unsigned DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE `seeded_users` ADD CONSTRAINT `seeded_users_user_id_users_id_fk` FOREIGN KEY (`user_id`) REFERENCES `users`(`id`) ON DELETE cascade ON UPDATE no action;