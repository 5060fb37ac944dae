-- seed_persons(n) fills the empty tables of schema.sql with n made-up persons and everything around them:
--   SELECT seed_persons(350000);
-- The same n on the same day gives the same rows (on one PostgreSQL major version: the dice are its hash
-- functions). Dates lie around the day of the call, because today's date decides what is in a document.
--
-- For 350,000 persons: about 440,000 memberships, 2,000,000 placements (some 65,000 current), 19,000 programmes,
-- 120,000 posts, 400 trusts, 3,000 sites, 40 grades, 120 specialties. Programmes and posts follow n; trusts and
-- sites shrink for small n and never grow beyond these numbers.
--
-- It runs as a superuser: with session_replication_role = replica neither the triggers that raise rev nor the
-- foreign key checks run, which is four fifths of the time. It ends with ANALYZE. It cannot VACUUM (no function can):
-- send `VACUUM` afterwards if what you measure next depends on index-only scans.

-- seed_roll throws a die with m faces, 0 to m - 1; dice of different salts are independent.
CREATE OR REPLACE FUNCTION seed_roll(k bigint, salt integer, m integer) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT ((hashint8extended(k, salt) & 9223372036854775807) % m)::integer $$;

-- seed_person_id turns the k-th person into an id, rising with k: in every 1,000 persons 700 in a row and 300 with
-- gaps of 40, the next 1,000 after a hole of 5,000, and one person in fifty in a far block beyond 2^32.
CREATE OR REPLACE FUNCTION seed_person_id(k bigint, n bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
        SELECT CASE WHEN k > n - n / 50 THEN 5000000000 + (k - (n - n / 50)) * 3
                    WHEN k % 1000 < 700 THEN (k / 1000) * 18000 + k % 1000 + 1
                    ELSE (k / 1000) * 18000 + 700 + (k % 1000 - 699) * 40 END
    $$;

-- seed_surname and seed_forename: mostly plain, and every so often what breaks a careless escape.
CREATE OR REPLACE FUNCTION seed_surname(k bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN seed_roll(k, 1, 40) > 0 THEN
        (ARRAY['Ash','Black','Brad','Car','Dal','Ed','Fair','Gar','Hal','Ing','Kel','Lang','Mar','Nor','Old','Pem','Rad',
               'San','Thorn','Wal','Whit','Win','Wood','York'])[1 + seed_roll(k, 2, 24)] ||
        (ARRAY['','a','e','er','en','ing','ow','ard','bor','der','mer','well'])[1 + seed_roll(k, 3, 12)] ||
        (ARRAY['bridge','burn','by','dale','field','ford','ham','hurst','ley','man','smith','son','stone','ton','wick',
               'worth'])[1 + seed_roll(k, 4, 16)]
    ELSE
        (ARRAY['O''Brien', 'Łukasiewicz', 'Nguyễn', 'Müller-Strauß', '王', '𠮷野', 'Ó Súilleabháin', 'Ðorđević', 'الزهراء',
               E'van\tder\nBerg', E'Back\\slash', 'Smith "Junior"', '<b>Bold</b> & Söhne', E'Line\u2028Separator', '😀 Smile',
               E'Bell\u0007', '', NULL])[1 + seed_roll(k, 5, 18)]
    END
$$;

CREATE OR REPLACE FUNCTION seed_forenames(k bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN seed_roll(k, 6, 60) = 0 THEN (ARRAY['', NULL, ' '])[1 + seed_roll(k, 7, 3)]
    ELSE
        (ARRAY['Ada','Aisha','Alan','Anne-Marie','Barbara','Chloé','David','Edith','Fatima','George','Håkon','Ines','John',
               'José','Katherine','Li','Mary','Mohammed','Niamh','Olu','Priya','Rosalind','Siân','Tomasz','Uma','Zoë'])[1 + seed_roll(k, 8, 26)] ||
        (ARRAY['',' James',' Lee',' Marie',' Elizabeth'])[1 + seed_roll(k, 9, 5)]
    END
$$;

CREATE OR REPLACE FUNCTION seed_owner(region bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT 'Health Education England ' || (ARRAY['East Midlands','East of England','Kent, Surrey and Sussex',
        'London LETBs','North Central and East London','North East','North West','North West London','South London',
        'South West','Thames Valley','Wessex','West Midlands','Yorkshire and the Humber','Nowhere "yet"'])[1 + region]
$$;

CREATE OR REPLACE FUNCTION seed_persons(n bigint, today date DEFAULT current_date) RETURNS void LANGUAGE plpgsql
    SET session_replication_role = replica
    SET synchronous_commit = off
    SET jit = off
    AS $$
DECLARE
    -- Row i lies in region i % 15, in every table that has regions.
    programmes bigint := greatest(30, n::bigint * 19000 / 350000);
    posts      bigint := greatest(60, n::bigint * 120000 / 350000);
    trusts     bigint := least(400, 30 + n / 50);
    sites      bigint := least(3000, 60 + n / 10);
    later      record;
    defs       text[] := '{}';
    def        text;
BEGIN
    IF n < 1 THEN
        RAISE EXCEPTION 'cannot seed % persons, want at least 1', n;
    END IF;
    IF EXISTS (SELECT FROM person) THEN
        RAISE EXCEPTION 'table person is not empty: seed an empty database';
    END IF;

    -- An index built at the end costs a third of one kept up to date row by row.
    FOR later IN SELECT c.oid::regclass AS name, pg_get_indexdef(c.oid) AS def
                 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
                 WHERE NOT i.indisunique AND i.indrelid IN
                     ('placement'::regclass, 'programme_membership'::regclass, 'post'::regclass) LOOP
        defs := defs || later.def;
        EXECUTE 'DROP INDEX ' || later.name;
    END LOOP;

    RAISE NOTICE 'trusts, sites, grades, specialties, programmes, posts';
    INSERT INTO trust SELECT i, 'R' || i, 'Trust ' || i || ' NHS Foundation Trust' FROM generate_series(1, trusts) i;
    INSERT INTO site SELECT i, 'S' || lpad(i::text, 5, '0'), 'Site ' || i, 1 + seed_roll(i, 10, trusts::int)
    FROM generate_series(1, sites) i;
    INSERT INTO grade SELECT i, CASE WHEN i <= 8 THEN 'ST' || i WHEN i <= 10 THEN 'F' || i - 8 ELSE 'G' || i END, 'Grade ' || i
    FROM generate_series(1, 40) i;
    INSERT INTO specialty SELECT i, lpad(i::text, 3, '0'), (ARRAY['Surgery', 'Medicine', 'Anaesthetics', 'Psychiatry',
        'Paediatrics', 'Obstetrics and gynaecology'])[1 + i % 6] || CASE WHEN i < 6 THEN '' ELSE ' ' || i END
    FROM generate_series(1, 120) i;
    INSERT INTO programme SELECT i, 'Programme ' || i || ' of ' || coalesce(seed_owner(i % 15), ''),
        CASE WHEN i % 50 = 0 THEN NULL ELSE 'PN' || lpad(i::text, 6, '0') END,
        CASE WHEN i % 200 = 0 THEN NULL ELSE seed_owner(i % 15) END
    FROM generate_series(1, programmes) i;
    -- Both trusts of a post are in its region; three in five posts have one trust in both places.
    INSERT INTO post (id, national_number, owner, employing_trust_id, training_trust_id)
    SELECT i, 'P/' || i, CASE WHEN i % 300 = 0 THEN NULL ELSE seed_owner(i % 15) END,
        CASE WHEN seed_roll(i, 11, 100) = 0 THEN NULL ELSE a END,
        CASE WHEN seed_roll(i, 12, 50) = 0 THEN NULL WHEN seed_roll(i, 13, 5) < 3 THEN a ELSE b END
    FROM generate_series(1, posts) i
    CROSS JOIN LATERAL (SELECT 1 + i % 15 + 15 * seed_roll(i, 14, (trusts / 15)::int) AS a,
                               1 + i % 15 + 15 * seed_roll(i, 15, (trusts / 15)::int) AS b OFFSET 0) t;

    RAISE NOTICE 'persons';
    INSERT INTO person
    SELECT seed_person_id(k, n),
        CASE seed_roll(k, 20, 20) WHEN 0 THEN 'UNKNOWN' WHEN 1 THEN 'N/A' WHEN 2 THEN 'PH' || k WHEN 3 THEN '' END,
        CASE seed_roll(k, 21, 20) WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN 'Educational Supervisor'
            WHEN 3 THEN 'Educational Supervisor,Clinical Supervisor' WHEN 4 THEN 'DR in Training,Educational Supervisor, LET Admin'
            ELSE 'DR in Training' END,
        CASE seed_roll(k, 22, 20) WHEN 0 THEN 'DELETE' WHEN 1 THEN 'INACTIVE' WHEN 2 THEN 'INACTIVE' WHEN 3 THEN 'INACTIVE' ELSE 'CURRENT' END,
        today - seed_roll(k, 23, 2000) * interval '7 hours',
        1 + seed_roll(k, 24, 9)
    FROM generate_series(1, n::bigint) k;
    -- One person in 200 has no contact row: no document, though memberships and placements may exist.
    INSERT INTO contact_details SELECT seed_person_id(k, n), seed_surname(k), seed_forenames(k)
    FROM generate_series(1, n::bigint) k WHERE seed_roll(k, 25, 200) > 0;
    INSERT INTO gmc_details SELECT seed_person_id(k, n), CASE seed_roll(k, 26, 50) WHEN 0 THEN 'UNKNOWN' WHEN 1 THEN 'N/A'
        WHEN 2 THEN NULL WHEN 3 THEN '' ELSE (1000000 + k % 8999999)::text END
    FROM generate_series(1, n::bigint) k WHERE seed_roll(k, 27, 8) > 0;
    INSERT INTO gdc_details SELECT seed_person_id(k, n), CASE seed_roll(k, 28, 4) WHEN 0 THEN (10000 + k)::text
        WHEN 1 THEN 'UNKNOWN' ELSE 'N/A' END
    FROM generate_series(1, n::bigint) k WHERE seed_roll(k, 29, 4) = 0;

    RAISE NOTICE 'programme memberships';
    -- 0 to 4 each. Every third person with any is in training: the last membership is current or ends, or starts, near today.
    INSERT INTO programme_membership
    SELECT k * 4 + j, seed_person_id(k, n), 1 + (region + 15 * seed_roll(k * 4 + j, 30, (programmes / 15)::int)) % programmes,
        CASE WHEN seed_roll(k * 4 + j, 31, 10) > 0 THEN 'TN/' || k || '/' || j END,
        last_start - (c - 1 - j) * 1095,
        CASE WHEN seed_roll(k * 4 + j, 32, 25) > 0 THEN last_start - (c - 1 - j) * 1095 + 1094 END
    FROM generate_series(1, n::bigint) k
    CROSS JOIN LATERAL (
        SELECT CASE WHEN d < 148 THEN 0 WHEN d < 695 THEN 1 WHEN d < 915 THEN 2 WHEN d < 975 THEN 3 ELSE 4 END AS c,
            seed_roll(k, 34, 15) AS region,
            today + CASE WHEN seed_roll(k, 35, 3) > 0 THEN -1200 - seed_roll(k, 36, 6000)
                         WHEN seed_roll(k, 37, 16) = 0 THEN 0      -- starts today
                         WHEN seed_roll(k, 37, 16) = 1 THEN 1      -- starts tomorrow
                         WHEN seed_roll(k, 37, 16) = 2 THEN -1094  -- ends today
                         WHEN seed_roll(k, 37, 16) = 3 THEN -1095  -- ended yesterday
                         ELSE 60 - seed_roll(k, 36, 1150) END AS last_start
        FROM seed_roll(k, 33, 1000) d OFFSET 0) m
    CROSS JOIN generate_series(0, c - 1) j;

    RAISE NOTICE 'placements';
    -- 0 to 12 each, half a year long, one after the other; for one person in five the last ones lie around today.
    -- People rotate through the posts of one programme (six neighbours of their region) and change it every two years.
    -- One person in 50 has the last placement twice, on the same days.
    INSERT INTO placement
    SELECT k * 12 + j, seed_person_id(k, n),
        1 + (14 + home + 15 * (rotation * 6 + seed_roll(k * 12 + j, 40, 6))) % posts,
        CASE WHEN seed_roll(k * 12 + j, 41, 100) > 0 THEN 1 + seed_roll(k * 12 + j, 42, 40) END,
        CASE WHEN seed_roll(k * 12 + j, 43, 100) > 0 THEN 1 + seed_roll(k * 12 + j, 44, sites::int) END,
        CASE seed_roll(k * 12 + j, 45, 8) WHEN 0 THEN 'OOPT' WHEN 1 THEN 'Parental Leave' WHEN 2 THEN NULL ELSE 'In Post' END,
        last_end - back * 182 - 181, last_end - back * 182
    FROM generate_series(1, n::bigint) k
    CROSS JOIN LATERAL (
        SELECT CASE WHEN seed_roll(k, 46, 100) < 12 THEN 0 ELSE 1 + seed_roll(k, 47, 12) END AS c,
            seed_roll(k, 34, 15) AS region, seed_roll(k, 48, 50) = 0 AS twice,
            today + CASE WHEN seed_roll(k, 49, 5) > 0 THEN -1 - seed_roll(k, 50, 5000)
                         WHEN seed_roll(k, 51, 20) = 0 THEN 0    -- ends today
                         WHEN seed_roll(k, 51, 20) = 1 THEN 181  -- starts today
                         WHEN seed_roll(k, 51, 20) = 2 THEN -1   -- ended yesterday
                         WHEN seed_roll(k, 51, 20) = 3 THEN 182  -- starts tomorrow
                         ELSE seed_roll(k, 50, 360) END AS last_end
        OFFSET 0) m
    CROSS JOIN LATERAL (
        SELECT j, CASE WHEN twice AND j > 0 THEN greatest(j - 1, 0) ELSE j END AS back,
            seed_roll(k * 3 + j / 4, 54, (posts / 90 + 1)::int) AS rotation,
            -- one placement in ten is in another region
            CASE WHEN seed_roll(k * 12 + j, 52, 10) = 0 THEN seed_roll(k * 12 + j, 53, 15) ELSE region END AS home
        FROM generate_series(0, c - 1) j OFFSET 0) p;

    RAISE NOTICE 'specialties of placements';
    -- One PRIMARY for most, two for one in 40, none for one in 60, and others beside it for one in 8.
    INSERT INTO placement_specialty
    SELECT id, 1 + seed_roll(id, 60, 60), 'PRIMARY' FROM placement WHERE seed_roll(id, 61, 60) > 0
    UNION ALL
    SELECT id, 61 + seed_roll(id, 62, 30), 'PRIMARY' FROM placement WHERE seed_roll(id, 63, 40) = 0
    UNION ALL
    SELECT id, 91 + seed_roll(id, 64, 30), CASE WHEN id % 2 = 0 THEN 'OTHER' ELSE 'SUB_SPECIALTY' END
    FROM placement WHERE seed_roll(id, 65, 8) = 0;

    RAISE NOTICE 'indexes and statistics';
    FOREACH def IN ARRAY defs LOOP
        EXECUTE def;
    END LOOP;
    ANALYZE trust, site, grade, specialty, programme, post, person, contact_details, gmc_details, gdc_details,
        programme_membership, placement, placement_specialty;
END $$;
