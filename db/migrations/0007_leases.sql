CREATE TABLE `leases` (
	`name` varchar(32) character set ascii collate ascii_bin NOT NULL,
	`holder` varchar(36) character set ascii collate ascii_bin NOT NULL,
	`expires_at` datetime(3) NOT NULL,
	CONSTRAINT `leases_name` PRIMARY KEY(`name`)
);
