// RUN: pyflame-opt %s -p convert-pyflame-to-mesh | filecheck %s

// f16 adds in f16; a transcendental computes in f32 and rounds once.
func.func @half(%x: tensor<8xf16, #mesh.layout<1x2, [cols]>>, %y: tensor<1xf16, #mesh.layout<1x2, [-]>>) -> tensor<8xf16, #mesh.layout<1x2, [cols]>> {
  %0 = pyflame.add %x, %y : tensor<8xf16, #mesh.layout<1x2, [cols]>>, tensor<1xf16, #mesh.layout<1x2, [-]>> -> tensor<8xf16, #mesh.layout<1x2, [cols]>>
  %1 = pyflame.exp %0 : tensor<8xf16, #mesh.layout<1x2, [cols]>> -> tensor<8xf16, #mesh.layout<1x2, [cols]>>
  return %1 : tensor<8xf16, #mesh.layout<1x2, [cols]>>
}

// CHECK:       func.func @half
// CHECK-NEXT:    %[[a:.*]] = mesh.compute ins(%x, %y : {{.*}}) maps [[0], [-1]] {
// CHECK-NEXT:    ^bb0(%[[xe:.*]]: f16, %[[ye:.*]]: f16):
// CHECK-NEXT:      %[[s:.*]] = arith.addf %[[xe]], %[[ye]] : f16
// CHECK-NEXT:      mesh.yield %[[s]] : f16
// CHECK:         mesh.compute ins(%[[a]] : {{.*}}) maps [[0]] {
// CHECK-NEXT:    ^bb0(%[[e:.*]]: f16):
// CHECK-NEXT:      %[[w:.*]] = arith.extf %[[e]] : f16 to f32
// CHECK-NEXT:      %[[v:.*]] = math.exp %[[w]] : f32
// CHECK-NEXT:      %[[n:.*]] = arith.truncf %[[v]] : f32 to f16
// CHECK-NEXT:      mesh.yield %[[n]] : f16
