-- All that reindex may do in PostgreSQL for the persons example: read the tables that its queries name. Run it as the owner
-- of the tables, in their database, and give the role its password where no file keeps it:
--
--   psql -d tis -f postgresql-role.sql
--   psql -d tis -c '\password reindex'
--
-- `reindex check` names every table that is missing below, and the GRANT for it.

-- One run has a handful of sessions open at a time, and two servers may start one at the same moment.
CREATE ROLE reindex LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION CONNECTION LIMIT 20;

-- A second bolt: a run asks for read-only transactions by itself.
ALTER ROLE reindex SET default_transaction_read_only = on;

GRANT USAGE ON SCHEMA public TO reindex;
GRANT SELECT ON
    person, contact_details, gmc_details, gdc_details,
    placement, placement_specialty, post, grade, site, specialty,
    programme_membership, programme
TO reindex;
