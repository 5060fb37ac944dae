-- The owner of a post, for persons.sql. It counts where the programme has none (`coalesce` in reindex.yaml).
SELECT id AS "postId", owner AS "currentOwner"
FROM post
