/// Elements as small dense numbers, in the order of their first mention.
struct Interner<Element: Hashable> {
    private var numbers: [Element: Int32] = [:]
    private(set) var elements: [Element] = []

    mutating func number(of element: Element) -> Int32 {
        if let number = numbers[element] { return number }
        let number = Int32(truncatingIfNeeded: elements.count)
        numbers[element] = number
        elements.append(element)
        return number
    }
}

/// The numbers of groups: open addressing with linear probing, at most half full.
struct GroupTable {
    struct Key: Equatable {
        var series: Int32
        var window: Int32
        var model: Int32
        var user: Int32
        var outcome: UInt8

        var hash: UInt64 {
            let high = UInt64(UInt32(bitPattern: series)) << 32 | UInt64(UInt32(bitPattern: window))
            let low = UInt64(UInt32(bitPattern: model)) << 32 | UInt64(UInt32(bitPattern: user))
            return Hashing.fold(
                Hashing.fold(high ^ 0xA076_1D64_78BD_642F, 0x9E37_79B9_7F4A_7C15) ^ low,
                0xE703_7ED1_A0B4_28DB ^ UInt64(outcome))
        }
    }

    /// In the order of their numbers.
    private(set) var keys: [Key] = []
    /// Number + 1 of the key at each place; 0 where there is none. A power of two.
    private var places = [Int32](repeating: 0, count: 64)
    /// The key found last, which is the next row's more often than not.
    private var recent = 0

    mutating func number(of key: Key) -> Int {
        if recent < keys.count, keys[recent] == key { return recent }
        let mask = places.count - 1
        var place = Int(truncatingIfNeeded: key.hash) & mask
        while places[place] != 0 {
            let number = Int(places[place]) - 1
            if keys[number] == key {
                recent = number
                return number
            }
            place = (place + 1) & mask
        }
        keys.append(key)
        recent = keys.count - 1
        places[place] = Int32(truncatingIfNeeded: keys.count)
        if 2 * keys.count > places.count { grow() }
        return recent
    }

    private mutating func grow() {
        places = [Int32](repeating: 0, count: 2 * places.count)
        for (number, key) in keys.enumerated() {
            var place = Int(truncatingIfNeeded: key.hash) & (places.count - 1)
            while places[place] != 0 { place = (place + 1) & (places.count - 1) }
            places[place] = Int32(truncatingIfNeeded: number + 1)
        }
    }
}
