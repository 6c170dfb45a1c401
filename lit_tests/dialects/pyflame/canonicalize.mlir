// RUN: pyflame-opt -p canonicalize %s | filecheck %s

// CHECK-LABEL: @double_negation
func.func @double_negation(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = pyflame.neg %x : tensor<4xf32> -> tensor<4xf32>
  %1 = pyflame.neg %0 : tensor<4xf32> -> tensor<4xf32>
  // CHECK-NEXT: func.return %x : tensor<4xf32>
  func.return %1 : tensor<4xf32>
}

// CHECK-LABEL: @relu_of_relu
func.func @relu_of_relu(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = pyflame.relu %x : tensor<4xf32> -> tensor<4xf32>
  %1 = pyflame.relu %0 : tensor<4xf32> -> tensor<4xf32>
  // CHECK-NEXT: %0 = pyflame.relu %x : tensor<4xf32> -> tensor<4xf32>
  // CHECK-NEXT: func.return %0 : tensor<4xf32>
  func.return %1 : tensor<4xf32>
}

// CHECK-LABEL: @cast_to_same_type
func.func @cast_to_same_type(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = pyflame.cast %x : tensor<4xf32> -> tensor<4xf32>
  // CHECK-NEXT: func.return %x : tensor<4xf32>
  func.return %0 : tensor<4xf32>
}

// A cast to another layout moves data.
// CHECK-LABEL: @cast_to_other_layout
func.func @cast_to_other_layout(%x: tensor<4xf32>) -> tensor<4xf32, #mesh.layout<1x2, [cols]>> {
  %0 = pyflame.cast %x : tensor<4xf32> -> tensor<4xf32, #mesh.layout<1x2, [cols]>>
  // CHECK-NEXT: %0 = pyflame.cast %x
  func.return %0 : tensor<4xf32, #mesh.layout<1x2, [cols]>>
}

// CHECK-LABEL: @reshape_chain
func.func @reshape_chain(%x: tensor<12xf32>) -> tensor<3x4xf32> {
  %0 = pyflame.reshape %x : tensor<12xf32> -> tensor<2x6xf32>
  %1 = pyflame.reshape %0 : tensor<2x6xf32> -> tensor<3x4xf32>
  // CHECK-NEXT: %0 = pyflame.reshape %x : tensor<12xf32> -> tensor<3x4xf32>
  // CHECK-NEXT: func.return %0 : tensor<3x4xf32>
  func.return %1 : tensor<3x4xf32>
}

// CHECK-LABEL: @identity_reshape
func.func @identity_reshape(%x: tensor<12xf32>) -> tensor<12xf32> {
  %0 = pyflame.reshape %x : tensor<12xf32> -> tensor<12xf32>
  // CHECK-NEXT: func.return %x : tensor<12xf32>
  func.return %0 : tensor<12xf32>
}

// CHECK-LABEL: @transpose_chain
func.func @transpose_chain(%x: tensor<2x3x4xf32>) -> tensor<3x4x2xf32> {
  %0 = pyflame.transpose %x [1, 0, 2] : tensor<2x3x4xf32> -> tensor<3x2x4xf32>
  %1 = pyflame.transpose %0 [0, 2, 1] : tensor<3x2x4xf32> -> tensor<3x4x2xf32>
  // CHECK-NEXT: %0 = pyflame.transpose %x [1, 2, 0] : tensor<2x3x4xf32> -> tensor<3x4x2xf32>
  // CHECK-NEXT: func.return %0 : tensor<3x4x2xf32>
  func.return %1 : tensor<3x4x2xf32>
}

// CHECK-LABEL: @transpose_of_transpose
func.func @transpose_of_transpose(%x: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %0 = pyflame.transpose %x [1, 0] : tensor<3x4xf32> -> tensor<4x3xf32>
  %1 = pyflame.transpose %0 [1, 0] : tensor<4x3xf32> -> tensor<3x4xf32>
  // CHECK-NEXT: func.return %x : tensor<3x4xf32>
  func.return %1 : tensor<3x4xf32>
}

// CHECK-LABEL: @dead
func.func @dead(%x: tensor<4xf32>) {
  %0 = pyflame.exp %x : tensor<4xf32> -> tensor<4xf32>
  // CHECK-NEXT: func.return
  func.return
}
