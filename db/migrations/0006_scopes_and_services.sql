ALTER TABLE `tokens` ADD `scopes` varchar(1000) character set ascii collate ascii_bin;--> statement-breakpoint
ALTER TABLE `users` ADD `kind` enum('person','service') DEFAULT 'person' NOT NULL;--> statement-breakpoint
ALTER TABLE `users` ADD `address_ranges` varchar(1000) character set ascii collate ascii_bin;--> statement-breakpoint
CREATE INDEX `users_kind` ON `users` (`kind`,`username_key`);