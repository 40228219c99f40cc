(comment) @comment

[
  (namespace_declaration name: (_) @name)
  (class_declaration name: (_) @name)
  (struct_declaration name: (_) @name)
  (interface_declaration name: (_) @name)
  (record_declaration name: (_) @name)
  (enum_declaration name: (_) @name)
] @scope

[
  (preproc_pragma)
  (preproc_region)
  (preproc_endregion)
  (preproc_nullable)
] @skip

[
  (method_declaration name: (_) @name body: (_))
  (constructor_declaration name: (_) @name body: (_))
  (destructor_declaration name: (_) @name body: (_))
  (local_function_statement name: (_) @name body: (_))
  (operator_declaration operator: _ @name body: (_))
  (conversion_operator_declaration type: (_) @name body: (_))
] @function
