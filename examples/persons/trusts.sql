SELECT DISTINCT f.person_id AS "personId", t.id AS "trustId"
FROM placement f
JOIN post po ON po.id = f.post_id
CROSS JOIN LATERAL (VALUES (po.employing_trust_id), (po.training_trust_id)) t (id)
WHERE t.id IS NOT NULL
