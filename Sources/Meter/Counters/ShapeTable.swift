internal import MeterWire

/// Lists of components that calls have, as small dense numbers: with one number a row says what all of its
/// sums are of.
struct ShapeTable: ~Copyable {
    private var table: NameTable
    private var components: [UInt32] = []
    /// Where in `components` each shape's end.
    private var ends: [Int] = []

    init(seed: UInt64) { table = NameTable(seed: seed) }

    /// The number of a list of components' numbers; a new one if it is not known yet.
    mutating func number(of list: ArraySlice<UInt32>) -> UInt32 {
        let number = unsafe list.withUnsafeBytes { unsafe table.intern($0) }
        if Int(number) == ends.count {
            components.append(contentsOf: list)
            ends.append(components.count)
        }
        return number
    }

    /// The numbers of a shape's components, in the order of their sums.
    subscript(number: UInt32) -> ArraySlice<UInt32> {
        let index = Int(number)
        return components[(index == 0 ? 0 : ends[index - 1])..<ends[index]]
    }
}
