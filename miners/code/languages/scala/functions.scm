[(comment) (block_comment)] @comment

[
  (object_definition name: (_) @name)
  (class_definition name: (_) @name)
  (trait_definition name: (_) @name)
  (enum_definition name: (_) @name)
  (package_object name: (_) @name)
  (given_definition name: (_) @name)
] @scope

(function_definition
  name: (_) @name) @function
