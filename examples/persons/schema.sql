-- The tables behind the persons index: people in training, where they work and what they train for.
--
-- Two columns of person make a safe rebuild beside live edits possible:
--   rev         grows by at least one with every change of anything that is in the person's document
--   changed_at  when that last happened, for people and for incremental readers
-- Nobody writes them by hand. The triggers at the end of this file raise them, whatever table was edited,
-- in the transaction of the edit: a reader sees an edit and its rev together or not at all. Only TRUNCATE, which
-- fires no such trigger, goes unnoticed; so does midnight, which changes documents without any edit.

CREATE TABLE trust (
    id   bigint PRIMARY KEY,
    code text NOT NULL,
    name text NOT NULL
);

CREATE TABLE site (
    id       bigint PRIMARY KEY,
    code     text NOT NULL,
    name     text NOT NULL,
    trust_id bigint REFERENCES trust
);

CREATE TABLE grade (
    id           bigint PRIMARY KEY,
    abbreviation text NOT NULL,
    name         text NOT NULL
);

CREATE TABLE specialty (
    id   bigint PRIMARY KEY,
    code text NOT NULL,
    name text NOT NULL
);

CREATE TABLE programme (
    id     bigint PRIMARY KEY,
    name   text NOT NULL,
    number text,
    owner  text
);

CREATE TABLE post (
    id                 bigint PRIMARY KEY,
    employing_trust_id bigint REFERENCES trust,
    training_trust_id  bigint REFERENCES trust,
    national_number    text NOT NULL,
    owner              text
);

-- Revisions of all persons come from one sequence, so that a person whose row is deleted and inserted again comes
-- back with a larger rev than it left with.
CREATE SEQUENCE person_rev;

CREATE TABLE person (
    id                   bigint PRIMARY KEY,
    public_health_number text,
    role                 text, -- a comma list
    status               text NOT NULL DEFAULT 'CURRENT' CHECK (status IN ('CURRENT', 'INACTIVE', 'DELETE')),
    changed_at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    rev                  bigint NOT NULL DEFAULT nextval('person_rev')
);

-- A person without this row has no document.
CREATE TABLE contact_details (
    person_id bigint PRIMARY KEY REFERENCES person,
    surname   text,
    forenames text
);

-- Numbers are not unique: 'UNKNOWN' and 'N/A' are agreed placeholders.
CREATE TABLE gmc_details (
    person_id  bigint PRIMARY KEY REFERENCES person,
    gmc_number text
);

CREATE TABLE gdc_details (
    person_id  bigint PRIMARY KEY REFERENCES person,
    gdc_number text
);

CREATE TABLE programme_membership (
    id              bigint PRIMARY KEY,
    person_id       bigint NOT NULL REFERENCES person,
    programme_id    bigint NOT NULL REFERENCES programme,
    training_number text,
    start_date      date NOT NULL,
    end_date        date -- NULL: no end in sight
);

CREATE TABLE placement (
    id        bigint PRIMARY KEY,
    person_id bigint NOT NULL REFERENCES person,
    post_id   bigint NOT NULL REFERENCES post,
    grade_id  bigint REFERENCES grade,
    site_id   bigint REFERENCES site,
    type      text,
    date_from date NOT NULL, -- both days count
    date_to   date NOT NULL
);

-- More than one PRIMARY row per placement is wrong and does occur.
CREATE TABLE placement_specialty (
    placement_id bigint NOT NULL REFERENCES placement ON DELETE CASCADE,
    specialty_id bigint NOT NULL REFERENCES specialty,
    type         text NOT NULL CHECK (type IN ('PRIMARY', 'SUB_SPECIALTY', 'OTHER')),
    PRIMARY KEY (placement_id, specialty_id)
);

-- The rebuild asks for ranges of person ids, so what hangs on a person is found by person first. The first
-- index answers "which placement is current", and "which came last", in its own order and without touching the
-- others; with post_id in it, "every post this person ever had" is answered without touching the table at all.
CREATE INDEX placement_person_dates ON placement (person_id, date_to, date_from, id) INCLUDE (post_id);
CREATE INDEX programme_membership_person ON programme_membership (person_id, id);

-- Which few programmes leave the owner to a post. Without it the document query reads the programme of every person.
CREATE INDEX programme_without_owner ON programme (id) WHERE owner IS NULL;

-- These serve the triggers below: from a changed post, programme, grade, site or specialty to its people.
CREATE INDEX placement_post ON placement (post_id);
CREATE INDEX placement_date_to ON placement (date_to);
CREATE INDEX programme_membership_programme ON programme_membership (programme_id);

-- One place raises rev. It runs after the row lock is held, so two edits at once give two revisions, and it
-- takes no number from the client, so rev cannot go back, also not where a client inserted one of its own.
CREATE FUNCTION raise_rev() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.rev := greatest(nextval('person_rev'), OLD.rev + 1);
    NEW.changed_at := clock_timestamp();
    RETURN NEW;
END $$;

CREATE TRIGGER raise_rev BEFORE UPDATE ON person
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION raise_rev();

-- The triggers on the other tables run once per statement and touch each person once, however many rows the
-- statement changed. Persons go in as an array because that plan is an index lookup for one row and for many;
-- a join would be planned for the size of the first statement a session happens to send. The array is sorted,
-- so two statements lock the persons they share in the same order.
CREATE FUNCTION touch_persons(ids bigint[]) RETURNS void LANGUAGE sql AS $$
    UPDATE person SET changed_at = clock_timestamp()
    WHERE id = ANY (ARRAY(SELECT DISTINCT i FROM unnest(ids) i WHERE i IS NOT NULL ORDER BY i));
$$;

-- For tables with a person_id. An update counts where a row really changed, for the old and the new person.
CREATE FUNCTION touch_persons_of_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    CASE TG_OP
    WHEN 'INSERT' THEN
        PERFORM touch_persons(ARRAY(SELECT person_id FROM new_rows));
    WHEN 'DELETE' THEN
        PERFORM touch_persons(ARRAY(SELECT person_id FROM old_rows));
    ELSE
        PERFORM touch_persons(ARRAY(
            SELECT person_id FROM (TABLE old_rows EXCEPT TABLE new_rows) o
            UNION ALL
            SELECT person_id FROM (TABLE new_rows EXCEPT TABLE old_rows) n));
    END CASE;
    RETURN NULL;
END $$;

CREATE FUNCTION touch_persons_of_placement_specialty() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    placements bigint[];
BEGIN
    CASE TG_OP
    WHEN 'INSERT' THEN
        placements := ARRAY(SELECT placement_id FROM new_rows);
    WHEN 'DELETE' THEN
        placements := ARRAY(SELECT placement_id FROM old_rows);
    ELSE
        placements := ARRAY(
            SELECT placement_id FROM (TABLE old_rows EXCEPT TABLE new_rows) o
            UNION ALL
            SELECT placement_id FROM (TABLE new_rows EXCEPT TABLE old_rows) n);
    END CASE;
    PERFORM touch_persons(ARRAY(SELECT person_id FROM placement WHERE id = ANY (placements)));
    RETURN NULL;
END $$;

-- A trigger with a transition table serves one event, hence three per table.
DO $$
DECLARE
    t text;
    f text;
BEGIN
    FOREACH t IN ARRAY ARRAY['contact_details', 'gmc_details', 'gdc_details', 'programme_membership', 'placement',
                             'placement_specialty'] LOOP
        f := CASE t WHEN 'placement_specialty' THEN 'touch_persons_of_placement_specialty' ELSE 'touch_persons_of_rows' END;
        EXECUTE format('CREATE TRIGGER touch_on_insert AFTER INSERT ON %I REFERENCING NEW TABLE AS new_rows
                        FOR EACH STATEMENT EXECUTE FUNCTION %I()', t, f);
        EXECUTE format('CREATE TRIGGER touch_on_update AFTER UPDATE ON %I REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
                        FOR EACH STATEMENT EXECUTE FUNCTION %I()', t, f);
        EXECUTE format('CREATE TRIGGER touch_on_delete AFTER DELETE ON %I REFERENCING OLD TABLE AS old_rows
                        FOR EACH STATEMENT EXECUTE FUNCTION %I()', t, f);
    END LOOP;
END $$;

-- Reference tables: only an update can change a document (inserts are not referenced yet, deletes not any
-- more), and of a trust the document holds nothing but the id. Programmes and posts show for ever; a grade, a
-- site and a specialty show only through the placement that is current, which spares their other holders.
CREATE FUNCTION touch_persons_of_reference() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed bigint[] := ARRAY(SELECT id FROM (TABLE new_rows EXCEPT TABLE old_rows) n);
BEGIN
    CASE TG_TABLE_NAME
    WHEN 'programme' THEN
        PERFORM touch_persons(ARRAY(SELECT person_id FROM programme_membership WHERE programme_id = ANY (changed)));
    WHEN 'post' THEN
        PERFORM touch_persons(ARRAY(SELECT person_id FROM placement WHERE post_id = ANY (changed)));
    ELSE
        PERFORM touch_persons(ARRAY(
            SELECT person_id FROM placement p
            WHERE date_to >= current_date AND date_from <= current_date
              AND CASE TG_TABLE_NAME
                  WHEN 'grade' THEN grade_id = ANY (changed)
                  WHEN 'site' THEN site_id = ANY (changed)
                  ELSE EXISTS (SELECT FROM placement_specialty s
                               WHERE s.placement_id = p.id AND s.specialty_id = ANY (changed))
                  END));
    END CASE;
    RETURN NULL;
END $$;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['programme', 'post', 'grade', 'site', 'specialty'] LOOP
        EXECUTE format('CREATE TRIGGER touch_on_update AFTER UPDATE ON %I REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
                        FOR EACH STATEMENT EXECUTE FUNCTION touch_persons_of_reference()', t);
    END LOOP;
END $$;
