import Meter
import MeterTesting
import MeterWire
import Testing

@Suite struct KeyTests {
    private static let characters = Array(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_- é"
    )

    @Test(arguments: KeyText.Kind.allCases) func `a key text reads back`(kind: KeyText.Kind) throws
    {
        var seed = Seed(1)
        for _ in 0..<500 {
            let text = KeyText(
                kind: kind,
                id: KeyID(rawValue: seed.next()),
                secret: .random(count: 32, using: &seed)
            )
            #expect(text.text.utf8.count == 69 && text.text.hasPrefix("mtr_\(kind.rawValue)_"))
            let again = try KeyText(parsing: text.text)
            #expect(again.kind == kind && again.id == text.id)
            #expect(again.secret.bytes == text.secret.bytes)
        }
        for rawValue in [UInt64.min, .max] {
            for byte: UInt8 in [0, 255] {
                let text = KeyText(
                    kind: kind,
                    id: KeyID(rawValue: rawValue),
                    secret: Secret([UInt8](repeating: byte, count: 32))
                )
                let again = try KeyText(parsing: text.text)
                #expect(again.id == text.id && again.secret.bytes == text.secret.bytes)
            }
        }
    }

    @Test func `every edit of one character is found offline`() {
        var seed = Seed(2)
        let text = KeyText(
            kind: .http,
            id: KeyID(rawValue: seed.next()),
            secret: .random(count: 32, using: &seed)
        ).text
        var edits: [String] = []
        for index in text.indices {
            for character in Self.characters where character != text[index] {
                edits.append(text.replacingCharacter(at: index, with: String(character)))
                edits.append(text.replacingCharacter(at: index, with: "\(text[index])\(character)"))
            }
            edits.append(text.replacingCharacter(at: index, with: ""))
        }
        for (index, next) in zip(text.indices, text.indices.dropFirst())
        where text[index] != text[next] {
            var swapped = Array(text)
            swapped.swapAt(
                text.distance(from: text.startIndex, to: index),
                text.distance(from: text.startIndex, to: next)
            )
            edits.append(String(swapped))
        }
        for edit in edits where edit != text {
            #expect(throws: KeyTextError.self, "\(edit)") { try KeyText(parsing: edit) }
        }
        #expect(edits.count > 8000)
    }

    @Test func `nothing that prints shows a secret`() throws {
        var seed = Seed(3)
        let (master, file) = MasterKey.make(using: &seed)
        let (text, key) = Key.makeWire(
            for: PrincipalID(rawValue: 1),
            label: "",
            master: master,
            using: &seed
        )
        var printed = "\(master) \(text) \(text.secret) \(key)"
        dump((master, text, text.secret), to: &printed)
        debugPrint(master, text, text.secret, to: &printed)
        let tail = text.text.suffix(40)
        #expect(!printed.contains(tail) && !printed.contains(file.prefix(64)))
        #expect(!printed.contains(text.secret.bytes.map(String.init).joined(separator: ", ")))
    }

    @Test func `a wire key comes from the master key and its id alone`() throws {
        var seed = Seed(4)
        let (master, file) = MasterKey.make(using: &seed)
        let (text, key) = Key.makeWire(
            for: PrincipalID(rawValue: 1),
            label: "",
            master: master,
            using: &seed
        )
        let again = try MasterKey(file: Array(file.utf8))
        #expect(again.wireKey(key.id).bytes == text.secret.bytes && key.secretHash == nil)
        #expect(master.wireKey(KeyID(rawValue: key.id.rawValue ^ 1)).bytes != text.secret.bytes)
        #expect(master.secret(for: "ids").bytes != master.secret(for: "id").bytes)
        let bytes = try #require(Hexadecimal.bytes(file.dropLast()))
        #expect(try MasterKey(file: bytes).wireKey(key.id).bytes == text.secret.bytes)
        for bad in ["", "abc", String(repeating: "0", count: 62), file + "00"] {
            #expect(throws: MasterKeyError.self) { try MasterKey(file: Array(bad.utf8)) }
        }
    }

    @Test func `the derivation stays what it is`() throws {
        // Checked with Python: HMAC-SHA-256 twice, as RFC 5869 says, with an empty salt.
        let master = try MasterKey(file: Array(0..<32))
        let key = master.wireKey(KeyID(rawValue: 0x0102_0304_0506_0708))
        #expect(
            Hexadecimal.text(key.bytes)
                == "9cb312f364dc3ff773d669c0c0341670918cf26f26f48cc9d56460acdd65210c"
        )
        let text = KeyText(kind: .wire, id: KeyID(rawValue: 0x0102_0304_0506_0708), secret: key)
        #expect(
            text.text == "mtr_wire_05McJmDgrvcb9oQSgovO2nU0aZxjGkySETSaXfnqRftHN1OKPAb72S0vKKgX"
        )
    }

    @Test func `a credential is given for the right secret until revoked or expired`() throws {
        var seed = Seed(5)
        let book = try Book.open(BookDisk()).book
        let principal = Principal(
            id: book.state.nextPrincipal,
            kind: .tenant("acme"),
            label: "acme"
        )
        let (text, key) = Key.makeHTTP(
            for: principal.id,
            scopes: .usage,
            label: "portal",
            expires: Fixture.time.advanced(byMilliseconds: 1000),
            using: &seed
        )
        try book.append(
            [.principalSet(principal), .keyCreated(key)],
            author: "anna",
            at: Fixture.time
        )
        let credential = try book.state.httpCredential(text, at: Fixture.time)
        #expect(credential == Credential(key: key.id, principal: principal, scopes: .usage))
        #expect(principal.reaches("acme") && !principal.reaches("other"))
        func refusal(_ text: KeyText, at time: Timestamp = Fixture.time) -> KeyRefusal? {
            do {
                _ = try book.state.httpCredential(text, at: time)
                return nil
            } catch { return error }
        }
        #expect(refusal(text, at: Fixture.time.advanced(byMilliseconds: 1000)) == .expired)
        let other = Secret.random(count: 32, using: &seed)
        #expect(refusal(KeyText(kind: .http, id: key.id, secret: other)) == .wrongSecret)
        #expect(
            refusal(KeyText(kind: .http, id: KeyID(rawValue: 1), secret: other)) == .unknownKey
        )
        #expect(refusal(KeyText(kind: .wire, id: key.id, secret: text.secret)) == .wrongKind)
        #expect(throws: KeyRefusal.wrongKind) {
            try book.state.wireCredential(key.id, at: Fixture.time)
        }
        try book.append(.keyRevoked(KeyRevocation(id: key.id)), author: "anna", at: Fixture.time)
        #expect(refusal(text) == .revoked)
    }

    @Test func `a replaced key is good until its end, and nothing can take its place twice`() throws
    {
        var seed = Seed(7)
        let book = try Book.open(BookDisk()).book
        let principals = (1...2).map {
            Principal(id: PrincipalID(rawValue: $0), kind: .tenant("acme"), label: "")
        }
        let keys = [1, 1, 1, 2].map { (holder: UInt64) in
            Key.makeHTTP(
                for: PrincipalID(rawValue: holder),
                scopes: .usage,
                label: "",
                using: &seed
            )
        }
        try book.append(
            principals.map { .principalSet($0) } + keys.map { .keyCreated($0.key) },
            author: "anna",
            at: Fixture.time
        )
        let end = Fixture.time.advanced(byMilliseconds: 1_000)
        func replace(_ old: KeyID, by new: KeyID) throws(BookError) {
            try book.append(
                .keyReplaced(KeyReplacement(id: old, by: new, ends: end)),
                author: "anna",
                at: Fixture.time
            )
        }
        let ids = keys.map(\.key.id)
        for (old, new) in [(ids[0], ids[0]), (ids[0], ids[3]), (ids[0], KeyID(rawValue: 1))] {
            #expect(throws: BookError.self) { try replace(old, by: new) }
        }
        try replace(ids[0], by: ids[1])
        #expect(throws: BookError.self) { try replace(ids[0], by: ids[2]) }
        let last = end.advanced(byMilliseconds: -1)
        #expect(try book.state.httpCredential(keys[0].text, at: last).key == ids[0])
        #expect(throws: KeyRefusal.replaced) {
            try book.state.httpCredential(keys[0].text, at: end)
        }
        #expect(try book.state.httpCredential(keys[1].text, at: end).key == ids[1])
        #expect(book.state.keys[ids[0]]?.end == end)
    }

    @Test func `no file of the book holds a secret`() throws {
        var seed = Seed(6)
        let disk = BookDisk()
        let book = try Book.open(disk).book
        let principal = Principal(id: PrincipalID(rawValue: 1), kind: .platformForAll, label: "")
        let (text, key) = Key.makeHTTP(
            for: principal.id,
            scopes: [.ingest, .admin],
            label: "",
            using: &seed
        )
        try book.append(
            [.principalSet(principal), .keyCreated(key)],
            author: "anna",
            at: Fixture.time
        )
        let file = String(decoding: disk.files["book.mb"] ?? [], as: UTF8.self)
        #expect(file.contains(key.id.description))
        #expect(!file.contains(Hexadecimal.text(text.secret.bytes)))
        #expect(!file.contains(text.text.dropFirst(20).prefix(43)))
    }
}

extension String {
    fileprivate func replacingCharacter(at index: Index, with text: String) -> String {
        self[..<index] + text + self[self.index(after: index)...]
    }
}
