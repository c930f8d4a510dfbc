import TouchstoneModel

// What a graph takes over from the module that it will replace. A module that imports the graph needs no second
// import, whose `Activation`, `Operation` and `Parameter` are the closed ones of the GPT-2 form.

/// A dense row-major array with a checked shape.
public typealias Tensor<Scalar: BinaryFloatingPoint & Sendable> = TouchstoneModel.Tensor<Scalar>
/// A tensor as a file holds it: a type, a shape and little-endian bytes.
public typealias StoredTensor = TouchstoneModel.StoredTensor
/// A JSON document whose types are not known beforehand.
public typealias JSONValue = TouchstoneModel.JSONValue
/// What is wrong with something the user gave, in one sentence.
public typealias BadInput = TouchstoneModel.BadInput
