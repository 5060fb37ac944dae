package livewriter

import (
	"fmt"

	"example.com/reindex/examples/persons"
)

// PersonQuery makes a [Writer]'s Query from the SQL files of examples/persons,
// the ones that the rebuild uses: what is read in two ways differs one day. A lookup
// is a LEFT JOIN here, what is coalesced a coalesce, and what is omitted subtracted.
//
// jsonb spells numbers and text as reindex does, so that the bytes of a
// document may differ and what it says does not. A timestamp would not do: its
// text in jsonb ends in +00:00, in reindex in Z.
func PersonQuery() (string, error) {
	names := []string{
		"persons.sql", "programme_owners.sql", "post_owners.sql", "programme_memberships.sql", "programmes.sql", "trusts.sql", "posts.sql",
	}
	sql := make([]any, len(names))
	for i, name := range names {
		var err error
		if sql[i], err = persons.SQL(name); err != nil {
			return "", fmt.Errorf("person query: %w", err)
		}
	}
	return fmt.Sprintf(`
SELECT (SELECT (to_jsonb(d) - '{rev,programmeId,postId}'::text[] || jsonb_build_object(
                    'currentOwner', coalesce(by_programme."currentOwner", by_post."currentOwner"),
                    'programmeMemberships', m.list, 'trusts', t.list))::text
        FROM (%s
        ) d LEFT JOIN (%s
        ) by_programme ON by_programme."programmeId" = d."programmeId" LEFT JOIN (%s
        ) by_post ON by_post."postId" = d."postId",
        LATERAL (SELECT coalesce(jsonb_agg(to_jsonb(l) - 'personId'), '[]') AS list
                 FROM (SELECT * FROM (%s
        ) m LEFT JOIN (%s
        ) look USING ("programmeId")) l WHERE l."personId" = p.id) m,
        LATERAL (SELECT coalesce(jsonb_agg(DISTINCT jsonb_build_object('trustId', trust)), '[]') AS list
                 FROM (%s
        ) l LEFT JOIN (%s
        ) look USING ("postId"), LATERAL (VALUES (employing), (training)) u (trust) WHERE l."personId" = p.id AND trust IS NOT NULL) t
        WHERE d."personId" = p.id),
       p.rev
FROM person p WHERE p.id = $1::text::bigint`, sql...), nil
}
