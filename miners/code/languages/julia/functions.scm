[
  (module_definition name: (_) @name)
  (struct_definition (type_head . (identifier) @name))
] @scope

; function f(x) end, f(x) = 1 and macro f(x) end, each with types and conditions behind the arguments.
[
  (function_definition
    (signature [
      (call_expression . (_) @name)
      (typed_expression . (call_expression . (_) @name))
      (where_expression . (call_expression . (_) @name))
      (where_expression . (typed_expression . (call_expression . (_) @name)))
      (where_expression . (where_expression . (call_expression . (_) @name)))
    ]))
  (assignment . [
    (call_expression . (_) @name)
    (typed_expression . (call_expression . (_) @name))
    (where_expression . (call_expression . (_) @name))
    (where_expression . (typed_expression . (call_expression . (_) @name)))
  ])
  (macro_definition (signature (call_expression . (_) @name)))
] @function

; A string directly before documents; macros (@inline) may stand between.
([(string_literal) (prefixed_string_literal)] @docstring
  . [(function_definition) (assignment) (macro_definition)] @documented)

([(string_literal) (prefixed_string_literal)] @docstring
  . (macrocall_expression
      (macro_argument_list . [(function_definition) (assignment)] @documented .)))

([(string_literal) (prefixed_string_literal)] @docstring
  . (macrocall_expression
      (macro_argument_list . (macrocall_expression
        (macro_argument_list . [(function_definition) (assignment)] @documented .)) .)))

; @doc "..." f(x) = 1
(macrocall_expression
  (macro_argument_list . [(string_literal) (prefixed_string_literal)] @docstring
    . [(function_definition) (assignment)] @documented))
