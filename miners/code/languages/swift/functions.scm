[(comment) (multiline_comment)] @comment

[
  (class_declaration name: (_) @name)
  (protocol_declaration name: (_) @name)
] @scope

; A function without a body stands in a protocol as another node.
[
  (function_declaration
    name: [
      (simple_identifier) (custom_operator) (bang)
      "+" "-" "*" "/" "%" "==" "===" "<" ">" "<<" ">>" "&" "|" "^" "~" "++" "--" "+=" "-=" "*=" "/=" "%=" "="
    ] @name
    body: (_))
  (init_declaration "init" @name body: (_))
  (deinit_declaration "deinit" @name body: (_))
] @function
