-- Run once by an administrator of the cluster, with psql, before chancery init:
-- two roles and a database. Give the roles passwords (\password), or client
-- certificates, as pg_hba.conf asks for.

-- Owns the tables, makes and changes them: chancery init, and upgrades. No server logs in as this one.
CREATE ROLE chancery_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
-- What the nodes log in as.
CREATE ROLE chancery LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;

CREATE DATABASE chancery OWNER chancery_owner TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
REVOKE ALL ON DATABASE chancery FROM PUBLIC;
GRANT CONNECT ON DATABASE chancery TO chancery;

\connect chancery
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT CREATE, USAGE ON SCHEMA public TO chancery_owner;
GRANT USAGE ON SCHEMA public TO chancery;
