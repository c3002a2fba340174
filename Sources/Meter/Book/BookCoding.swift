public import MeterWire

// How the words of the engine stand in the book's JSON: as the text that people type and read, never as
// a number that a reader's JSON library could round.

/// A value that stands in JSON as one string.
func decodeText<Value>(
    _ decoder: any Decoder,
    as type: Value.Type,
    _ read: (String) -> Value?
) throws -> Value {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let value = read(text) else {
        throw DecodingError.dataCorruptedError(
            in: container,
            debugDescription: "'\(text)' is not a \(type)"
        )
    }
    return value
}

func encodeText(_ text: String, to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
}

extension AccessID: Codable {
    /// Reads 32 hexadecimal digits.
    public init(from decoder: any Decoder) throws {
        self = try decodeText(decoder, as: AccessID.self) { AccessID($0) }
    }

    /// Writes 32 hexadecimal digits.
    public func encode(to encoder: any Encoder) throws {
        try encodeText(description, to: encoder)
    }
}

extension Outcome: Codable {
    /// Reads the outcome's word.
    public init(from decoder: any Decoder) throws {
        self = try decodeText(decoder, as: Outcome.self) { Outcome(text: $0) }
    }

    /// Writes the outcome's word.
    public func encode(to encoder: any Encoder) throws {
        try encodeText(text, to: encoder)
    }
}

extension IdentifierHash: Codable {
    package init(from decoder: any Decoder) throws {
        self = try decodeText(decoder, as: IdentifierHash.self) { text in
            guard text.utf8.count == 32, let bytes = Hexadecimal.bytes(text) else { return nil }
            return IdentifierHash(rawValue: bytes.reduce(0) { $0 << 8 | UInt128($1) })
        }
    }

    package func encode(to encoder: any Encoder) throws {
        try encodeText(Hexadecimal.text(high) + Hexadecimal.text(low), to: encoder)
    }
}

extension SourceID: Codable {
    /// Reads 32 hexadecimal digits.
    public init(from decoder: any Decoder) throws {
        self = try decodeText(decoder, as: SourceID.self) { SourceID($0) }
    }

    /// Writes 32 hexadecimal digits.
    public func encode(to encoder: any Encoder) throws {
        try encodeText(description, to: encoder)
    }
}

extension KeyID: Codable {
    /// Reads 16 hexadecimal digits.
    public init(from decoder: any Decoder) throws {
        self = try decodeText(decoder, as: KeyID.self) { KeyID(hexadecimal: $0) }
    }

    /// Writes 16 hexadecimal digits.
    public func encode(to encoder: any Encoder) throws {
        try encodeText(description, to: encoder)
    }

    /// Reads 16 hexadecimal digits; nil for anything else.
    package init?(hexadecimal text: some StringProtocol) {
        guard text.utf8.count == 16, let bytes = Hexadecimal.bytes(text) else { return nil }
        self.init(rawValue: bytes.reduce(0) { $0 << 8 | UInt64($1) })
    }
}

extension Timestamp: Codable {
    /// Reads ISO 8601 text in UTC, or a number of milliseconds.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Int64.self) {
            self.init(milliseconds: number)
        } else {
            self = try decodeText(decoder, as: Timestamp.self) { TimeText.timestamp($0) }
        }
    }

    /// Writes ISO 8601 text in UTC; the number of milliseconds where there is no such text.
    public func encode(to encoder: any Encoder) throws {
        if let text = TimeText.text(self) {
            try encodeText(text, to: encoder)
        } else {
            var container = encoder.singleValueContainer()
            try container.encode(milliseconds)
        }
    }
}

extension Minute: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(UInt32.self) {
            self.init(rawValue: number)
        } else {
            self = try decodeText(decoder, as: Minute.self) { TimeText.minute($0) }
        }
    }

    package func encode(to encoder: any Encoder) throws {
        if let text = TimeText.text(self) {
            try encodeText(text, to: encoder)
        } else {
            var container = encoder.singleValueContainer()
            try container.encode(rawValue)
        }
    }
}

extension Name: Codable {
    package init(from decoder: any Decoder) throws {
        self = try decodeText(decoder, as: Name.self) { $0.isEmpty ? nil : Name($0) }
    }

    package func encode(to encoder: any Encoder) throws {
        try encodeText(description, to: encoder)
    }
}
