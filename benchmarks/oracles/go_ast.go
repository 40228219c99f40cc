// What go/ast says of the functions of Go files: paths on standard input, JSON lines on standard output.
//
//	go run benchmarks/oracles/go_ast.go < paths
//
// A function is a FuncDecl with a body; its documentation is the text of FuncDecl.Doc.
package main

import (
	"bufio"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
)

func main() {
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	paths := bufio.NewScanner(os.Stdin)
	for paths.Scan() {
		path := paths.Text()
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.ParseComments)
		if err != nil {
			out.Encode(map[string]any{"path": path, "error": err.Error()})
			continue
		}
		out.Encode(map[string]any{"path": path})
		for _, declaration := range file.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok || function.Body == nil {
				continue
			}
			record := map[string]any{"path": path, "name": function.Name.Name, "doc": nil}
			record["start"] = files.File(function.Pos()).Offset(function.Body.Pos())
			record["end"] = files.File(function.Pos()).Offset(function.Body.End())
			if text := function.Doc.Text(); text != "" {
				record["doc"] = text
			}
			out.Encode(record)
		}
	}
}
