// RUN: rm -rf %t && pyflame-translate --export-csl %s -o %t 2>&1 | filecheck %s
// RUN: cat %t/src/layout.csl | filecheck %s --check-prefix LAYOUT
// RUN: pyflame-translate --import-csl %t/src/layout.csl --params=n:4 | filecheck %s --check-prefix AGAIN

csl_source.program "src/layout.csl" arch "wse3" params {n = "4"} {
  csl_source.file "src/layout.csl" {
    %0 = csl_source.name "u16"
    csl_source.var_decl "param" "n" : %0
    csl_source.layout_block {
      %1 = csl_source.name "n"
      %2 = csl_source.int_lit 1
      %3 = csl_source.builtin_call "set_rectangle"(%1, %2)
      csl_source.expr_stmt %3
      %4 = csl_source.name "u16"
      %5 = csl_source.name "n"
      %6 = csl_source.builtin_call "range"(%4, %5)
      csl_source.for "x" in %6 {
        %7 = csl_source.name "x"
        %8 = csl_source.int_lit 0
        %9 = csl_source.string_lit "pe.csl"
        %10 = csl_source.struct_lit {
          %11 = csl_source.name "x"
          %12 = csl_source.int_lit 255 as "0xff"
          %13 = csl_source.binary %11 "&" %12
          csl_source.field_init "x" = %13
        }
        %14 = csl_source.builtin_call "set_tile_code"(%7, %8, %9, %10)
        csl_source.expr_stmt %14
      }
    }
  }
  csl_source.file "src/pe.csl" {
    %0 = csl_source.name "u16"
    csl_source.var_decl "param" "x" : %0
  }
}

// CHECK: pyflame-translate: note: it was checked with pyflame-cslc {{.*}}/src/layout.csl --arch=wse3 --params=n:4

// LAYOUT:      param n: u16;
// LAYOUT:      layout {
// LAYOUT-NEXT:   @set_rectangle(n, 1);
// LAYOUT-NEXT:   for (@range(u16, n)) |x| {
// LAYOUT-NEXT:     @set_tile_code(x, 0, "pe.csl", .{ .x = x & 0xff });

// AGAIN: csl_source.program "layout.csl" arch "wse2" params {n = "4"} {
// AGAIN: %{{[0-9]+}} = csl_source.int_lit 255 as "0xff"
