[(line_comment) (block_comment)] @comment

; Annotations with arguments before a function of the file may parse as a statement of their own.
(source_file (annotated_expression) @skip)

[
  (class_declaration name: (_) @name)
  (object_declaration name: (_) @name)
  (companion_object name: (_) @name)
] @scope

; A function without a body is abstract.
(function_declaration
  name: (_) @name
  (function_body)) @function

(secondary_constructor
  "constructor" @name
  (block)) @function
