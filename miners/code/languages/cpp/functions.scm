(comment) @comment

[
  (namespace_definition name: (_) @name)
  (class_specifier name: (_) @name)
  (struct_specifier name: (_) @name)
  (union_specifier name: (_) @name)
] @scope

; The declarator of a function stands inside those of its result: int *f(), int &f(), int **f(), int (*f())().
; A name in brackets keeps a macro of the same name away: int (f)(void).
(function_definition
  declarator: [
    (function_declarator
      declarator: [
        (identifier) @name
        (field_identifier) @name
        (qualified_identifier) @name
        (destructor_name) @name
        (operator_name) @name
        (template_function) @name
        (parenthesized_declarator (identifier) @name)
        (parenthesized_declarator (field_identifier) @name)
      ])
    (_ (function_declarator
      declarator: [
        (identifier) @name
        (field_identifier) @name
        (qualified_identifier) @name
        (operator_name) @name
        (template_function) @name
        (parenthesized_declarator (identifier) @name)
        (parenthesized_declarator (field_identifier) @name)
      ]))
    (_ (_ (function_declarator
      declarator: [
        (identifier) @name
        (field_identifier) @name
        (qualified_identifier) @name
        (operator_name) @name
        (template_function) @name
      ])))
    (_ (_ (_ (function_declarator declarator: [(identifier) @name (field_identifier) @name]))))
    (operator_cast) @name
    (qualified_identifier name: (operator_cast)) @name
  ]
  body: [(compound_statement) (try_statement)]) @function

(template_declaration (function_definition) @hosted) @whole
(template_declaration (template_declaration (function_definition)) @hosted) @whole
(friend_declaration (function_definition) @hosted) @whole
(linkage_specification body: (function_definition) @hosted) @whole
