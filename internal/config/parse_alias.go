package config

import (
	"errors"
	"strings"

	"example.com/reindex/esalias"
)

// alias takes a name that package esalias can manage.
func alias(to *string) parseFunc {
	return func(v value) error {
		name := strings.TrimSpace(v.text)
		err := esalias.ValidateAlias(name)
		if invalid, ok := errors.AsType[*esalias.AliasNameError](err); ok {
			return errors.New(invalid.Problem) // where and which is said already
		}
		if err != nil {
			return err
		}
		*to = name
		return nil
	}
}
