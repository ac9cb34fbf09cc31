# The image of MySQL sources this file once, when it creates the database `gatehouse`. It must not be
# executable: only a sourced file can use docker_process_sql. docs/operations.md explains the privileges.
# Use only letters and digits in passwords: the same value is part of a URL and of an SQL statement.
docker_process_sql <<SQL
CREATE USER 'gatehouse'@'%' IDENTIFIED BY '${GATEHOUSE_PASSWORD:?}';
GRANT SELECT, INSERT, UPDATE, DELETE ON gatehouse.* TO 'gatehouse'@'%';
CREATE USER 'gatehouse_migrate'@'%' IDENTIFIED BY '${GATEHOUSE_MIGRATE_PASSWORD:?}';
GRANT SELECT, INSERT, UPDATE, CREATE, ALTER, INDEX, REFERENCES ON gatehouse.* TO 'gatehouse_migrate'@'%';
SQL
