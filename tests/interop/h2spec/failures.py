"""Prints the cases that failed in a JUnit report of h2spec: group/section/number, a tab, and what the case does."""

import sys
import xml.etree.ElementTree as tree

for suite in tree.parse(sys.argv[1]).getroot().iter("testsuite"):
    for number, case in enumerate(suite.iter("testcase"), 1):
        if any(child.tag in ("failure", "error", "skipped") for child in case):
            print(f'{suite.get("package")}/{number}\t{case.get("classname")}')
