/* The local page's style sheet. */
#ifndef GATEHOUSE_AGENT_PAGE_STYLE_H
#define GATEHOUSE_AGENT_PAGE_STYLE_H

extern const char page_style[];

#endif
