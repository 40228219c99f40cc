; What JavaScript and TypeScript have in common.

(comment) @comment

[
  (function_declaration name: (_) @name)
  (generator_function_declaration name: (_) @name)
  (method_definition name: (_) @name)
] @function

[
  (function_expression)
  (generator_function)
  (arrow_function)
] @function

; Statements that host a function: its documentation may stand before them.
; @named marks hosts that name the function in them; @whole those that belong to its code.
(variable_declarator
  name: (_) @name
  value: [(function_expression) (generator_function) (arrow_function)] @hosted) @whole

; The first declarator of a statement has the statement's documentation; a lone one is the statement.
[
  (lexical_declaration . (variable_declarator value: [(function_expression) (generator_function) (arrow_function)]) @hosted)
  (variable_declaration . (variable_declarator value: [(function_expression) (generator_function) (arrow_function)]) @hosted)
] @host

[
  (lexical_declaration . (variable_declarator value: [(function_expression) (generator_function) (arrow_function)]) @hosted .)
  (variable_declaration . (variable_declarator value: [(function_expression) (generator_function) (arrow_function)]) @hosted .)
] @whole

(assignment_expression
  left: (_) @name
  right: [(function_expression) (generator_function) (arrow_function)] @hosted) @whole

(assignment_expression right: (assignment_expression) @hosted) @host

(expression_statement (assignment_expression) @hosted) @whole

(pair
  key: (_) @name
  value: [(function_expression) (generator_function) (arrow_function)] @hosted) @whole

(return_statement [(function_expression) (generator_function) (arrow_function)] @hosted) @host

(export_statement
  declaration: [
    (function_declaration)
    (generator_function_declaration)
    (lexical_declaration)
    (variable_declaration)
  ] @hosted) @host

(export_statement
  value: [(function_expression) (generator_function) (arrow_function)] @hosted) @host

; Classes, whose documentation may stand before the export.
(export_statement declaration: (class_declaration) @hosted) @host
