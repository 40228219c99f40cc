[(line_comment) (block_comment)] @comment

; #[doc = "..."] documents; every other attribute may stand between.
((attribute_item
  (attribute (identifier) @_name value: (_))) @comment
  (#eq? @_name "doc"))

((attribute_item
  (attribute (identifier) @_name value: (_))) @skip
  (#not-eq? @_name "doc"))

((attribute_item (attribute !value)) @skip)

(function_item
  name: (_) @name
  body: (block)) @function

[
  (mod_item name: (_) @name)
  (trait_item name: (_) @name)
  (struct_item name: (_) @name)
  (enum_item name: (_) @name)
  (impl_item type: (type_identifier) @name)
  (impl_item type: (primitive_type) @name)
  (impl_item type: (generic_type type: (_) @name))
  (impl_item type: (scoped_type_identifier name: (_) @name))
  (impl_item type: (dynamic_type trait: (type_identifier) @name))
  (impl_item type: (reference_type type: (type_identifier) @name))
  (impl_item type: (reference_type type: (generic_type type: (_) @name)))
] @scope
