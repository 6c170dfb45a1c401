// RUN: pyflame-opt --split-input-file --verify-diagnostics %s | filecheck %s

csl_source.program "f.csl" arch "wse2" {
  csl_source.file "f.csl" {
    csl_source.return
  }
}
// CHECK: its decls has csl_source.return; expected a declaration

// -----

csl_source.program "f.csl" arch "wse2" {
  csl_source.file "f.csl" {
    csl_source.layout_block { csl_source.layout_block { } }
  }
}
// CHECK: its body has csl_source.layout_block; expected a statement

// -----

csl_source.program "f.csl" arch "wse2" {
  csl_source.file "f.csl" {
    csl_source.var_decl "let" "a"
  }
}
// CHECK: kind is 'let'; expected one of const, var, param

// -----

csl_source.program "f.csl" arch "wse2" {
  csl_source.file "f.csl" {
    csl_source.var_decl "const" "a; b"
  }
}
// CHECK: name 'a; b' is not an identifier

// -----

csl_source.program "f.csl" arch "wse2" {
  csl_source.file "f.csl" {
    %0 = csl_source.name "a"
  }
}
// CHECK: is used 0 times; an expression is part of one op

// -----

csl_source.program "f.csl" arch "wse2" {
  csl_source.file "f.csl" {
    %0 = csl_source.name "a"
    %1 = csl_source.binary %0 "+" %0
    csl_source.var_decl "const" "b" = %1
  }
}
// CHECK: is used 2 times; an expression is part of one op

// -----

csl_source.program "f.csl" arch "wse2" {
  csl_source.file "f.csl" {
    %0 = csl_source.name "a"
    csl_source.layout_block { csl_source.return %0 }
  }
}
// CHECK: is used by csl_source.return in another region than its own

// -----

csl_source.program "f.csl" arch "wse2" {
  csl_source.file "f.csl" {
    %0 = csl_source.int_lit 1
    %1 = csl_source.unary "+" %0
    csl_source.var_decl "const" "b" = %1
  }
}
// CHECK: op is '+'; expected one of -, !, ~

// -----

csl_source.program "f.csl" arch "wse2" {
  csl_source.file "f.csl" {
    csl_source.layout_block {
      %0 = csl_source.bool_lit true
      csl_source.if %0 {
      }
    }
  }
}
// CHECK: its then has 0 ops; expected one: a statement

// -----

csl_source.program "f.csl" arch "wse2" {
  csl_source.file "f.csl" {
    %0 = csl_source.string_lit "\FF"
    csl_source.var_decl "const" "b" = %0
  }
}
// CHECK: its text is not UTF-8

// -----

csl_source.program "f.csl" arch "wse2" {
  csl_source.file "f.csl" {
    %0 = csl_source.char_lit 1114112
    csl_source.var_decl "const" "b" = %0
  }
}
// CHECK: 1114112 is no character; expected 0..0x10ffff

// -----

csl_source.program "f.csl" arch "wse2" {
  csl_source.file "f.csl" {
    %0 = csl_source.float_lit 1.0 : f32
    csl_source.var_decl "const" "b" = %0
  }
}
// CHECK: value is 1.000000e+00 : f32; expected an f64

// -----

csl_source.return
// CHECK: stands in builtin.module; expected an op of csl_source

// -----

csl_source.program "../f.csl" arch "wse2" {
  csl_source.file "../f.csl" { }
}
// CHECK: path '../f.csl': expected one inside the program's folder, such as 'src/pe.csl'

// -----

csl_source.program "/f.csl" arch "wse2" {
  csl_source.file "/f.csl" { }
}
// CHECK: path '/f.csl': expected one inside the program's folder, such as 'src/pe.csl'

// -----

csl_source.program "a//f.csl" arch "wse2" {
  csl_source.file "a//f.csl" { }
}
// CHECK: path 'a//f.csl': expected one inside the program's folder, such as 'src/pe.csl'

// -----

csl_source.program "f.py" arch "wse2" {
  csl_source.file "f.py" { }
}
// CHECK: path 'f.py': expected one inside the program's folder, such as 'src/pe.csl'

// -----

csl_source.program "g.csl" arch "wse2" {
  csl_source.file "f.csl" { }
}
// CHECK: there is no file 'g.csl', its layout

// -----

csl_source.program "f.csl" arch "wse2" {
  csl_source.file "f.csl" { }
  csl_source.file "f.csl" { }
}
// CHECK: file 'f.csl' is there twice

// -----

csl_source.program "f.csl" arch "wse2" params {n = 4 : i32} {
  csl_source.file "f.csl" { }
}
// CHECK: param 'n' is 4 : i32; expected its value as text

// -----

csl_source.program "f.csl" arch "wse4" {
  csl_source.file "f.csl" { }
}
// CHECK: arch is 'wse4'; expected one of wse2, wse3

// -----

csl_source.program "f.csl" arch "wse2" {
  csl_source.file "f.csl" {
    csl_source.layout_block {
    ^bb0:
    ^bb1:
    }
  }
}
// CHECK: 'csl_source.layout_block' does not contain single-block regions
