internal import MeterWire

/// Names of which each is in memory once, however many sources hold it.
struct SharedNames: ~Copyable {
    private var table: NameTable
    /// In the order of the table's numbers.
    private var names: [Name] = []

    init(seed: UInt64) { table = NameTable(seed: seed) }

    /// The one copy of a name with these bytes.
    mutating func shared(_ bytes: UnsafeRawBufferPointer) -> Name {
        let number = unsafe Int(table.intern(bytes))
        if number == names.count { unsafe names.append(Name(bytes: Array(bytes))) }
        return names[number]
    }

    mutating func shared(_ name: Name) -> Name {
        unsafe name.bytes.withUnsafeBytes { unsafe shared($0) }
    }
}
