// RUN: xdsl-opt -t pyflame-csl %s | filecheck %s

// A load stays where it is: the element is read before the store to it, and written after.

"csl.module"() <{kind = #csl<module_kind program>, sym_name = "pe"}> ({
  // CHECK: var a: [4]f32 align(16) = @zeros([4]f32);
  %a = csl_ext.array "a" align 16 : memref<4xf32>
  // CHECK-NEXT: const table: [3]f32 = [3]f32{ 0.0, 1.5, -2.0 };
  %t = csl_ext.array "table" constant true = dense<[0.0, 1.5, -2.0]> : tensor<3xf32> : memref<3xf32>
  // CHECK-LABEL: fn main() void {
  csl.func @main() {
    %zero = arith.constant 0 : index
    %one = arith.constant 1 : index
    %seven = arith.constant 7.0 : f32
    // CHECK-NEXT: const old: f32 = a[0];
    // CHECK-NEXT: a[0] = 7.0;
    // CHECK-NEXT: a[1] = old;
    %old = memref.load %a[%zero] : memref<4xf32>
    memref.store %seven, %a[%zero] : memref<4xf32>
    memref.store %old, %a[%one] : memref<4xf32>
    csl.return
  }
}) : () -> ()
