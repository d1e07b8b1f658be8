package main

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/gobwas/glob"
)

// compileGlob reads a pattern as Argo CD does for directories: "*" also matches "/", {a,b} are
// alternatives. An empty pattern gives nil.
func compileGlob(pattern, field string) (glob.Glob, error) {
	if pattern == "" {
		return nil, nil
	}
	if len(pattern) > maxGlobLength {
		return nil, limitFault("length of "+field, maxGlobLength)
	}
	compiled, err := glob.Compile(pattern)
	if err != nil {
		return nil, faultf(codeRequest, "%s %q is not a valid glob: %v", field, pattern, err)
	}
	return compiled, nil
}

func hasGlob(p string) bool { return strings.ContainsAny(p, "*?[{") }

// expandGlob gives the files of the tree that pattern (relative to the root) matches, in lexical
// order. "**" stands for any folders, "*" and "?" stay within one name, {a,b} are alternatives.
func expandGlob(tree *Tree, pattern string) ([]string, error) {
	if len(pattern) > maxGlobLength {
		return nil, limitFault("length of a glob", maxGlobLength)
	}
	fixed, rest := ".", strings.Split(pattern, "/")
	for len(rest) > 1 && !hasGlob(rest[0]) {
		fixed, rest = path.Join(fixed, rest[0]), rest[1:]
	}
	matcher, err := regexp.Compile(globExpression(strings.Join(rest, "/")))
	if err != nil {
		return nil, faultf(codeRequest, "%q is not a valid glob", pattern)
	}
	var out []string
	err = walkFiles(tree, fixed, true, func(file, below string) error {
		if matcher.MatchString(below) {
			out = append(out, file)
		}
		return nil
	})
	if err != nil && asFault(err, codeInternal).Code != codeMissing {
		return nil, err
	}
	slices.Sort(out)
	return out, nil
}

// globExpression writes a glob as a regular expression (which Go matches in linear time). A bracket or brace that
// is not closed makes one that does not compile.
func globExpression(pattern string) string {
	var out strings.Builder
	out.WriteString("^")
	open := 0
	for i := 0; i < len(pattern); i++ {
		rest := pattern[i:]
		switch {
		case strings.HasPrefix(rest, "**/"):
			out.WriteString("(?:.*/)?")
			i += 2
		case strings.HasPrefix(rest, "**"):
			out.WriteString(".*")
			i++
		case rest[0] == '*':
			out.WriteString("[^/]*")
		case rest[0] == '?':
			out.WriteString("[^/]")
		case rest[0] == '[':
			end := strings.IndexByte(rest, ']')
			if end < 2 {
				return "[" // not closed, or empty
			}
			class, negated := strings.CutPrefix(strings.ReplaceAll(rest[1:end], `\`, `\\`), "!")
			if negated {
				class = "^" + class
			}
			out.WriteString("[" + class + "]")
			i += end
		case rest[0] == '{':
			out.WriteString("(?:")
			open++
		case rest[0] == '}' && open > 0:
			out.WriteString(")")
			open--
		case rest[0] == ',' && open > 0:
			out.WriteString("|")
		default:
			out.WriteString(regexp.QuoteMeta(rest[:1]))
		}
	}
	return out.String() + "$"
}

// walkFiles calls visit for each file under dir in lexical order with its path and its path below dir.
// Links to files are visited, links to folders are not entered; a link that leaves is an error.
func walkFiles(tree *Tree, dir string, recurse bool, visit func(file, below string) error) error {
	return walkFilesAt(tree, dir, "", recurse, 0, visit)
}

func walkFilesAt(tree *Tree, dir, below string, recurse bool, depth int, visit func(file, below string) error) error {
	if depth > maxDepth {
		return limitFault("depth of folders below "+dir, maxDepth)
	}
	entries, err := tree.ReadDir(path.Join(dir, below))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := path.Join(below, entry.Name())
		file := path.Join(dir, name)
		folder, link := entry.IsDir(), false
		if !entry.Type().IsRegular() && !folder {
			_, info, err := tree.Resolve(file)
			if err != nil {
				return err
			}
			folder, link = info.IsDir(), true
		}
		switch {
		case folder && recurse && !link:
			err = walkFilesAt(tree, dir, name, recurse, depth+1, visit)
		case !folder:
			err = visit(file, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
