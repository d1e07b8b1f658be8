package main

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	chart "helm.sh/helm/v4/pkg/chart/v2"
)

// validateValues checks the values of a chart and its sub-charts against their values.schema.json, as Helm
// does; but a schema may only refer to itself and to the standard meta-schemas: nothing is loaded.
func validateValues(c *chart.Chart, values map[string]any) error {
	var found []string
	if err := collectProblems(c, values, &found); err != nil {
		return err
	}
	if len(found) == 0 {
		return nil
	}
	return faultf(codeRender, "values do not meet the chart's schema: %s", shorten(strings.Join(found, "; "))).
		hint("correct the values, or set skipSchemaValidation")
}

func collectProblems(c *chart.Chart, values map[string]any, all *[]string) error {
	if c.Schema != nil {
		found, err := validateOne(c.Name(), c.Schema, values)
		if err != nil {
			return err
		}
		*all = append(*all, found...)
	}
	for _, sub := range c.Dependencies() {
		switch own := values[sub.Name()].(type) {
		case nil:
		case map[string]any:
			if err := collectProblems(sub, own, all); err != nil {
				return err
			}
		default:
			*all = append(*all, sub.Name()+": values must be a mapping")
		}
	}
	return nil
}

func validateOne(name string, text []byte, values map[string]any) ([]string, error) {
	if len(text) > maxSchemaBytes {
		return nil, limitFault("size in bytes of the values schema of "+name, maxSchemaBytes)
	}
	if bytes.Count(text, []byte(`"$ref"`)) > maxSchemaRefs {
		return nil, limitFault("references in the values schema of "+name, maxSchemaRefs)
	}
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, schemaFault(name, err)
	}
	if !shallow(schema, maxSchemaDepth) {
		return nil, limitFault("depth of the values schema of "+name, maxSchemaDepth)
	}
	compiler := jsonschema.NewCompiler()
	outside := &closedLoader{}
	compiler.UseLoader(outside)
	const address = "file:///values.schema.json"
	if err := compiler.AddResource(address, schema); err != nil {
		return nil, schemaFault(name, err)
	}
	compiled, err := compiler.Compile(address)
	if outside.fault != nil { // the compiler's own error hides it
		return nil, outside.fault
	}
	if err != nil {
		return nil, schemaFault(name, err)
	}
	err = compiled.Validate(values)
	var invalid *jsonschema.ValidationError
	if errors.As(err, &invalid) {
		var found []string
		for _, problem := range problems(invalid) {
			found = append(found, name+": "+problem)
		}
		return found, nil
	}
	if err != nil {
		return nil, schemaFault(name, err)
	}
	return nil, nil
}

// problems says what is wrong where: `image.tag: got number, want string`. The values themselves stay out: they may be
// secret.
func problems(invalid *jsonschema.ValidationError) []string {
	var inner []string
	for _, cause := range invalid.Causes {
		inner = append(inner, problems(cause)...)
	}
	what := ""
	switch broken := invalid.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf:
		if len(inner) == 0 {
			what = "fits more than one of the forms that exclude each other"
			break
		}
		what = "fits none of the allowed forms (" + strings.Join(inner, ", or ") + ")"
	case *kind.Pattern:
		what = "does not match the pattern " + broken.Want
	case *kind.Format:
		what = "is not a valid " + broken.Want
	default:
		if len(inner) > 0 {
			return inner
		}
		what = broken.LocalizedString(message.NewPrinter(language.English))
	}
	if place := valuePlace(invalid.InstanceLocation); place != "" {
		what = place + ": " + what
	}
	return []string{what}
}

// valuePlace writes the way to a value as values files and --set do.
func valuePlace(keys []string) string {
	var out strings.Builder
	for _, key := range keys {
		if _, err := strconv.Atoi(key); err == nil {
			out.WriteString("[" + key + "]")
			continue
		}
		if out.Len() > 0 {
			out.WriteByte('.')
		}
		out.WriteString(key)
	}
	return out.String()
}

func schemaFault(name string, err error) error {
	fault := asFault(err, codeRender)
	if fault.Code == codeRender {
		fault.Message = "the values schema of " + name + " is not valid: " + fault.Message
	}
	return fault
}

func shallow(value any, depth int) bool {
	if depth == 0 {
		return false
	}
	switch v := value.(type) {
	case map[string]any:
		for _, child := range v {
			if !shallow(child, depth-1) {
				return false
			}
		}
	case []any:
		for _, child := range v {
			if !shallow(child, depth-1) {
				return false
			}
		}
	}
	return true
}

// closedLoader is asked for what a schema refers to outside of itself.
type closedLoader struct{ fault *Fault }

// Load refuses all but urn: references, which Helm takes for "anything goes" as well.
func (l *closedLoader) Load(address string) (any, error) {
	if strings.HasPrefix(address, "urn:") {
		return true, nil
	}
	l.fault = faultf(codeRefused, "the values schema refers to %q: references must stay inside of the schema", maskURL(address)).
		hint("put the definition into values.schema.json, or set skipSchemaValidation")
	return nil, l.fault
}
