import Meter
import Testing

struct NearestNameTests {
    @Test func `a typing error finds the name that was meant, and a known name none`() {
        let known = ["status", "sources", "usage", "keys"]
        #expect(NearestName.of("stauts", among: known) == "status")
        #expect(NearestName.of("Usage", among: known) == "usage")
        #expect(NearestName.of("kes", among: known) == "keys")
        #expect(NearestName.of("status", among: known) == nil)
        #expect(NearestName.of("frobnicate", among: known) == nil)
        #expect(NearestName.of("", among: ["abc"]) == nil)
        #expect(NearestName.of("x", among: []) == nil)
    }

    @Test func `of several as near the first by the alphabet is taken`() {
        #expect(NearestName.of("bat", among: ["cat", "bar", "bats"]) == "bar")
    }

    @Test func `distances are counted in single edits`() {
        #expect(NearestName.edits("kitten", "sitting") == 3)
        #expect(NearestName.edits("", "abc") == 3)
        #expect(NearestName.edits("Flaw", "lawn") == 2)
    }
}
