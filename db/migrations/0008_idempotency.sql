CREATE TABLE `idempotent_responses` (
	`id` binary(32) NOT NULL,
	`fingerprint` binary(32) NOT NULL,
	`response` varbinary(8192) NOT NULL,
	`expires_at` datetime(3) NOT NULL,
	CONSTRAINT `idempotent_responses_id` PRIMARY KEY(`id`)
);
--> statement-breakpoint
CREATE INDEX `idempotent_responses_expires_at` ON `idempotent_responses` (`expires_at`);