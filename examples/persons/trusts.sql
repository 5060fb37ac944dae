-- Every post that a person was ever placed in. Its trusts, which employed or trained the person, come from posts.sql.
--
-- reindex reads posts.sql once, finds each row's post in it by "postId" and adds the two trusts (`lookups` in
-- reindex.yaml); joined here, PostgreSQL would read all posts again for every range of persons. `unpivot: trustId` makes
-- both columns elements of the list, {"trustId": ...}, and leaves NULL out. The same trust comes many times for a person
-- and once in the document: `distinct: true` drops repeats in the program, which holds the rows of a person side by side
-- anyway.
SELECT f.person_id AS "personId", f.post_id AS "postId"
FROM placement f
