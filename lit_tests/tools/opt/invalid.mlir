// RUN: pyflame-opt %s --split-input-file --verify-diagnostics

// expected-error @+1 {{no operation is called 'pyflame.reluu'; did you mean 'pyflame.relu'}}
%0 = pyflame.reluu

// -----

func.func @wrong_type(%a: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{uses %c before its definition}}
  %b = pyflame.relu %c : tensor<4xf32> -> tensor<4xf32>
  %c = pyflame.relu %b : tensor<4xf32> -> tensor<4xf32>
  return %c : tensor<4xf32>
}

// -----

// expected-error @+1 {{integer types have at most 16777215 bits}}
func.func private @wide(i99999999999)

// -----

// expected-error @+1 {{the constants of this file take 1000000000000 bytes or more}}
%0 = arith.constant dense<0.0> : tensor<1000000000000xf32>

// -----

func.func @undefined() {
  // expected-error @below {{value %nothing is used but not defined}}
  return %nothing : i32
}
