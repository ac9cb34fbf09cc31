-- The way back: copies what changed in Gatehouse into the Flask service's table. Run it while nothing is
-- written, on a server that has both databases. The names here are `gatehouse` and `flask-crud`: adapt them.
--
--   mariadb < back.sql
--
-- The statements can run twice. The last one lists the accounts that the Flask service will not have.

USE gatehouse;
START TRANSACTION;

-- Passwords and roles. The Flask service can check bcrypt alone. It has no disabled accounts: theirs is a hash
-- that no password matches.
UPDATE `flask-crud`.user o
  JOIN gatehouse.imported_users i ON i.user_id = o.id AND i.keeps_id
  JOIN gatehouse.users u ON u.id = i.user_id
   SET o.password = IF(u.disabled, CONCAT('$2b$04$', REPEAT('.', 53)), u.password_hash),
       o.role = u.role
 WHERE u.disabled OR u.password_hash LIKE '$2%';

-- Accounts that were deleted in Gatehouse.
DELETE o
  FROM `flask-crud`.user o
  JOIN gatehouse.imported_users i ON i.user_id = o.id AND i.keeps_id
  LEFT JOIN gatehouse.users u ON u.id = i.user_id
 WHERE u.id IS NULL;

-- New accounts. IGNORE leaves out a name that the old table takes for one that it has, such as jose for josé.
INSERT IGNORE INTO `flask-crud`.user (id, username, password, role)
SELECT u.id, u.username, u.password_hash, u.role
  FROM gatehouse.users u
  LEFT JOIN gatehouse.imported_users i ON i.user_id = u.id
 WHERE i.user_id IS NULL AND NOT u.disabled AND u.password_hash LIKE '$2%';

-- From now on the Flask service has the newer data again: a later import compares with this state.
UPDATE gatehouse.imported_users i
  JOIN `flask-crud`.user o ON o.id = i.user_id
   SET i.password_hash = o.password, i.role = o.role, i.imported_at = UTC_TIMESTAMP(3)
 WHERE i.keeps_id AND o.password LIKE '$2%';
DELETE i
  FROM gatehouse.imported_users i
  LEFT JOIN gatehouse.users u ON u.id = i.user_id
 WHERE i.keeps_id AND u.id IS NULL;

COMMIT;

SELECT u.id, u.username
  FROM gatehouse.users u
  LEFT JOIN `flask-crud`.user o ON o.id = u.id
 WHERE o.id IS NULL;
