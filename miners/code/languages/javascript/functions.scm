[
  (class_declaration name: (_) @name)
  (class name: (_) @name)
] @scope

(field_definition
  property: (_) @name
  value: [(function_expression) (generator_function) (arrow_function)] @hosted) @whole
