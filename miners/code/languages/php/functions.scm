(comment) @comment

; Attributes and modifiers are part of the declaration. A method without a body is none.
[
  (function_definition name: (_) @name)
  (method_declaration name: (_) @name body: (_))
] @function

[
  (class_declaration name: (_) @name)
  (interface_declaration name: (_) @name)
  (trait_declaration name: (_) @name)
  (enum_declaration name: (_) @name)
] @scope
