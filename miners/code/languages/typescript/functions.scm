[
  (class_declaration name: (_) @name)
  (abstract_class_declaration name: (_) @name)
  (internal_module name: (_) @name)
  (class name: (_) @name)
] @scope

; A decorator stands between a method and its documentation.
(class_body (decorator) @skip)

(public_field_definition
  name: (_) @name
  value: [(function_expression) (generator_function) (arrow_function)] @hosted) @whole

(export_statement declaration: (abstract_class_declaration) @hosted) @host
