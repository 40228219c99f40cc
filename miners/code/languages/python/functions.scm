; A class gives its name to the symbols inside it.
(class_definition
  name: (identifier) @name) @scope

(function_definition
  name: (identifier) @name) @function

; Documentation is the first statement of the body, when that is a string alone.
(function_definition
  body: (block . (expression_statement
    . [
      (string)
      (concatenated_string)
      (parenthesized_expression [(string) (concatenated_string)])
      (parenthesized_expression (parenthesized_expression [(string) (concatenated_string)]))
    ] .) @docstring) @body) @documented

(class_definition
  body: (block . (expression_statement
    . [
      (string)
      (concatenated_string)
      (parenthesized_expression [(string) (concatenated_string)])
      (parenthesized_expression (parenthesized_expression [(string) (concatenated_string)]))
    ] .) @docstring) @body) @documented

(module
  . (comment)* . (expression_statement
    . [
      (string)
      (concatenated_string)
      (parenthesized_expression [(string) (concatenated_string)])
      (parenthesized_expression (parenthesized_expression [(string) (concatenated_string)]))
    ] .) @docstring) @documented @body
