(comment) @comment

; The declarator of a function stands inside those of its result: int *f(), int **f(), int (*f())().
; A name in brackets keeps a macro of the same name away: int (f)(void).
(function_definition
  declarator: [
    (function_declarator
      declarator: [(identifier) @name (parenthesized_declarator (identifier) @name)])
    (_ (function_declarator
      declarator: [(identifier) @name (parenthesized_declarator (identifier) @name)]))
    (_ (_ (function_declarator
      declarator: [(identifier) @name (parenthesized_declarator (identifier) @name)])))
    (_ (_ (_ (function_declarator declarator: (identifier) @name))))
  ]
  body: (compound_statement)) @function
