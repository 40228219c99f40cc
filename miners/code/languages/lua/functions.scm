(comment) @comment

(function_declaration
  name: (_) @name) @function

; f = function() end, local f = function() end: a statement of one name and one value.
(assignment_statement
  (variable_list . (_) @name .)
  (expression_list . (function_definition) @hosted .)) @whole

(function_definition) @function

(variable_declaration
  (assignment_statement
    (variable_list . (_) .)
    (expression_list . (function_definition) .)) @hosted) @whole

(field
  name: (_) @name
  value: (function_definition) @hosted) @whole

(return_statement
  (expression_list . (function_definition) @hosted .)) @host
