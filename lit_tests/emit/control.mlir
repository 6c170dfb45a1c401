// RUN: xdsl-opt -t pyflame-csl %s | filecheck %s

"csl.module"() <{kind = #csl<module_kind program>, sym_name = "pe"}> ({
  // A loop whose bounds are known is a range; values it carries are variables, assigned at once.
  // CHECK-LABEL: fn swap(x: f32, y: f32) f32 {
  csl.func @swap(%x: f32, %y: f32) -> f32 {
    %zero = arith.constant 0 : index
    %ten = arith.constant 10 : index
    %one = arith.constant 1 : index
    // CHECK-NEXT: var a: f32 = x;
    // CHECK-NEXT: var b: f32 = y;
    // CHECK-NEXT: for (@range(i32, 10)) |i| {
    // CHECK-NEXT:   const next: f32 = b;
    // CHECK-NEXT:   const next_1: f32 = a;
    // CHECK-NEXT:   a = next;
    // CHECK-NEXT:   b = next_1;
    // CHECK-NEXT: }
    // CHECK-NEXT: return a;
    %r:2 = scf.for %i = %zero to %ten step %one iter_args(%a = %x, %b = %y) -> (f32, f32) {
      scf.yield %b, %a : f32, f32
    }
    csl.return %r#0 : f32
  }
  // CHECK-LABEL: fn search(n: i32) i32 {
  csl.func @search(%n: index) -> index {
    %one = arith.constant 1 : index
    // CHECK-NEXT: var k: i32 = 1;
    // CHECK-NEXT: while (k < n) {
    // CHECK-NEXT:   k = k + k;
    // CHECK-NEXT: }
    // CHECK-NEXT: return k;
    %found = scf.while (%k = %one) : (index) -> index {
      %less = arith.cmpi slt, %k, %n : index
      scf.condition(%less) %k : index
    } do {
    ^bb0(%k: index):
      %double = arith.addi %k, %k : index
      scf.yield %double : index
    }
    csl.return %found : index
  }
}) : () -> ()
