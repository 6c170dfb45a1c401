// RUN: pyflame-opt %s | pyflame-opt | filecheck %s
// RUN: pyflame-opt %s --print-op-generic | pyflame-opt | filecheck %s

csl_source.program "f.csl" arch "wse2" import_paths ["lib"] {
  csl_source.file "f.csl" {
    %0 = csl_source.name "u16"
    %1 = csl_source.enum_type backing %0 {
      csl_source.enum_member "A"
      %2 = csl_source.int_lit 4
      csl_source.enum_member "B" = %2
    }
    csl_source.var_decl "const" "E" = %1
    %3 = csl_source.name "f32"
    %4 = csl_source.pointer_type many const %3
    %5 = csl_source.int_lit 16
    csl_source.var_decl "var" "p" linkage "export" : %4 align %5
    %6 = csl_source.name "void"
    csl_source.fn_decl inline "fn" "f" linkage "export" params {
      csl_source.parameter comptime "x"
    } -> %6 {
      %7 = csl_source.bool_lit true
      csl_source.while inline label "outer" %7 {
        csl_source.break label "outer"
      } step {
        %8 = csl_source.name "x"
        %9 = csl_source.char_lit 97
        csl_source.assign %8 "+=" %9
      }
      %10 = csl_source.name "x"
      %11 = csl_source.switch %10 {
        %12 = csl_source.int_lit 1
        csl_source.switch_case(%12) {
          csl_source.return
        }
        csl_source.switch_case() {
          csl_source.block {
          }
        }
      }
      csl_source.expr_stmt %11
      %13 = csl_source.int_lit 8
      %14 = csl_source.name "p"
      %15 = csl_source.name "i"
      %16 = csl_source.tensor_access ["i"] in(%13) -> %14[%15]
      %17 = csl_source.block_expr {
        csl_source.block label "b" {
          %18 = csl_source.void_lit
          csl_source.break label "b" %18
        }
      }
      %19 = csl_source.list_lit(%16, %17)
      csl_source.return %19
    }
  }
}

// CHECK:      csl_source.program "f.csl" arch "wse2" import_paths ["lib"] {
// CHECK:          %1 = csl_source.enum_type backing %0 {
// CHECK-NEXT:       csl_source.enum_member "A"
// CHECK-NEXT:       %2 = csl_source.int_lit 4
// CHECK-NEXT:       csl_source.enum_member "B" = %2
// CHECK:          %4 = csl_source.pointer_type many const %3
// CHECK:          csl_source.var_decl "var" "p" linkage "export" : %4 align %5
// CHECK:          csl_source.fn_decl inline "fn" "f" linkage "export" params {
// CHECK-NEXT:       csl_source.parameter comptime "x"
// CHECK-NEXT:     } -> %6 {
// CHECK:            csl_source.while inline label "outer" %7 {
// CHECK-NEXT:         csl_source.break label "outer"
// CHECK-NEXT:       } step {
// CHECK:              %9 = csl_source.char_lit 97
// CHECK-NEXT:         csl_source.assign %8 "+=" %9
// CHECK:              csl_source.switch_case(%12) {
// CHECK-NEXT:           csl_source.return
// CHECK:              csl_source.switch_case() {
// CHECK-NEXT:           csl_source.block {
// CHECK:            %16 = csl_source.tensor_access ["i"] in(%13) -> %14[%15]
// CHECK-NEXT:       %17 = csl_source.block_expr {
// CHECK-NEXT:         csl_source.block label "b" {
// CHECK-NEXT:           %18 = csl_source.void_lit
// CHECK-NEXT:           csl_source.break label "b" %18
// CHECK:            %19 = csl_source.list_lit(%16, %17)
