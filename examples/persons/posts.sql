-- The trusts of a post, for trusts.sql.
SELECT id AS "postId", employing_trust_id AS employing, training_trust_id AS training
FROM post
