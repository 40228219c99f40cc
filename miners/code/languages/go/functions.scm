(comment) @comment

; A function without a body (its code is assembly) is none.
(function_declaration
  name: (identifier) @name
  body: (_)) @function

(method_declaration
  name: (field_identifier) @name
  body: (_)) @function

; The receiver's type is the owner: func (s *Server[T]) Close() is Server.Close.
(method_declaration
  receiver: (parameter_list
    (parameter_declaration
      type: [
        (type_identifier) @owner
        (pointer_type (type_identifier) @owner)
        (generic_type type: (type_identifier) @owner)
        (pointer_type (generic_type type: (type_identifier) @owner))
        (pointer_type (parenthesized_type (type_identifier) @owner))
        (parenthesized_type (type_identifier) @owner)
        (parenthesized_type (pointer_type (type_identifier) @owner))
      ]))
  name: (field_identifier) @name
  body: (_)) @function

; The package's documentation stands before its clause.
(package_clause) @module
