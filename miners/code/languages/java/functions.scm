[(line_comment) (block_comment)] @comment

; Annotations and modifiers are part of the declaration. A method without a body is none.
[
  (method_declaration name: (_) @name body: (_))
  (constructor_declaration name: (_) @name)
  (compact_constructor_declaration name: (_) @name)
] @function

[
  (class_declaration name: (_) @name)
  (interface_declaration name: (_) @name)
  (enum_declaration name: (_) @name)
  (record_declaration name: (_) @name)
  (annotation_type_declaration name: (_) @name)
  (enum_constant name: (_) @name body: (_))
] @scope
